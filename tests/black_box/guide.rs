//! docs/getting-started.md, as it is written.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{binary, eventually, free_port};

/// Both agents, ended with the test.
struct Agents(Vec<Child>, PathBuf);

impl Drop for Agents {
    fn drop(&mut self) {
        for agent in &mut self.0 {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

/// The shell's blocks with ports and folder of this test.
fn blocks(folder: &Path) -> (Vec<String>, Vec<String>) {
    let mut text = include_str!("../../docs/getting-started.md").to_owned();
    let mut admins = Vec::new();
    for port in ["8030", "8031", "8040", "8041"] {
        let own = free_port().to_string();
        text = text.replace(port, &own);
        admins.push(own);
    }
    text = text.replace("/tmp/first-credential", folder.to_str().unwrap());
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap().to_owned());
    (blocks.collect(), [&admins[1], &admins[3]].map(|port| format!("http://127.0.0.1:{port}")).into())
}

/// What the guide says an agent is started with in addition.
fn more(agent: &str) -> &'static str {
    let line = format!("| {agent} | `");
    let guide = include_str!("../../docs/getting-started.md");
    guide.split_once(&line).unwrap().1.split('`').next().unwrap()
}

async fn json(url: &str) -> Option<Value> {
    reqwest::get(url).await.ok()?.json().await.ok()
}

#[tokio::test]
async fn the_guides_last_block_leads_to_done_on_both_sides() {
    if !super::demo::has_tools() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "bash, curl and jq are needed");
        println!("not run: bash, curl or jq is missing");
        return;
    }
    let folder = std::env::temp_dir().join(format!("chancery-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (blocks, admins) = blocks(&folder);
    let program = binary();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut agents = Agents(Vec::new(), folder.clone());
    for (block, name) in blocks.iter().zip(["issuer", "holder"]) {
        assert!(block.contains(&format!("\nchancery start --label {name} ")), "{block}");
        let start = block.replace("\nchancery start", "\nexec chancery start");
        let mut bash = Command::new("bash");
        bash.args(["-euc", &format!("{start} {}", more(name))]).env("PATH", &path);
        agents.0.push(bash.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
    for admin in &admins {
        eventually("an agent ready", async || json(&format!("{admin}/status/ready")).await).await;
    }
    // Steps 1 to 3, the offer, and the last block. Who copies by hand asks again until the connection is there.
    let [status, connect, dids, offer] = &blocks[2..6] else { panic!("{blocks:#?}") };
    let last = blocks.last().unwrap();
    assert!(
        dids.contains("wallet/did/create")
            && offer.contains("> offer.json")
            && last.contains("del(.auto_issue)")
    );
    let again = r#"until curl -sS "$ISSUER/connections" | jq -e '.results[0].rfc23_state == "completed"' > /dev/null; do sleep 0.1; done"#;
    let (file, _) = offer.split_once("\nEND\n").unwrap();
    let script = format!("{status}\n{connect}\n{again}\n{dids}\n{file}\nEND\n{last}\n");
    let mut bash = Command::new("timeout");
    bash.args(["90", "bash", "-euo", "pipefail", "-c", &script]).current_dir(&folder).env("PATH", &path);
    let said = tokio::task::spawn_blocking(move || bash.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && text.ends_with("\noffer-sent\n"), "{said:?}");
    for admin in &admins {
        let url = format!("{admin}/issue-credential-2.0/records");
        let done =
            async || (json(&url).await?["results"][0]["cred_ex_record"]["state"] == "done").then_some(());
        eventually("an exchange done", done).await;
    }
}
