//! `chancery bench`: figures about any agent with ACA-Py's admin API, and about what happens inside ours.

mod exchange;
mod figures;
mod process;
mod scan;
mod webhooks;

use super::Failure;

const HELP: &str = "\
Usage: chancery bench exchange --issuer URL --holder URL --webhook-port PORT [OPTIONS]

  exchange   whole credential exchanges between two running agents, from the offer until both are done

`chancery bench exchange --help` shows the options. Figures come as one JSON object on the output.
";

/// Runs `chancery bench …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments.split_first() {
        Some((what, rest)) if what == "exchange" => exchange::run(rest),
        None => {
            print!("{HELP}");
            Ok(())
        }
        Some((what, _)) if what == "--help" || what == "-h" => {
            print!("{HELP}");
            Ok(())
        }
        Some((what, _)) => {
            Err(Failure::Usage(format!("there is no benchmark `{what}`; `chancery bench --help`")))
        }
    }
}
