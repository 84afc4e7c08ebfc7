//! `chancery bench`: figures about any agent with ACA-Py's admin API, and about what happens inside ours.

mod exchange;
mod figures;
mod inside;
mod process;
mod scan;
mod webhooks;

use super::Failure;

const HELP: &str = "\
Usage: chancery bench exchange|sign|pack [OPTIONS]

  exchange   whole credential exchanges between two running agents, from the offer until both are done
  sign       sign and verify one credential
  pack       pack and unpack one message

`chancery bench exchange --help` shows the options. Figures come as one JSON object on the output.
";

/// Runs `chancery bench …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((what, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match what.as_str() {
        "exchange" => exchange::run(rest),
        "sign" => inside::sign(rest),
        "pack" => inside::pack(rest),
        "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(Failure::Usage(format!("there is no benchmark `{what}`; `chancery bench --help`"))),
    }
}
