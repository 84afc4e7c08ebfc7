//! Every state x every input, the refused ones included.

use crate::did_exchange::state::{Input, Role, Send, step};
use crate::exchange::Effect;
use crate::peers::State;

#[test]
fn every_state_meets_every_input() {
    use Input::*;
    let states = [
        State::Start,
        State::Invitation,
        State::Request,
        State::Response,
        State::Completed,
        State::Abandoned,
    ];
    let inputs = [
        AcceptInvitation,
        RequestReceived,
        AcceptRequest,
        ResponseReceived,
        CompleteSent,
        MessageReceived,
        Reject,
        ReportReceived,
    ];
    // One row per state, one column per input; `-` refused, `.` nothing, a state's letter, `+` with a message.
    let requester = "
        Start       -  -  -  -   -  -  -  -
        Invitation  Q+ -  -  -   -  -  X  -
        Request     -  -  -  S+  -  -  -  X
        Response    -  -  -  +   C  -  -  X
        Completed   -  -  -  +   -  .  -  .
        Abandoned   -  -  -  -   -  -  -  .";
    let responder = "
        Start       -  Q  -  -   -  -  -  -
        Invitation  -  Q  -  -   -  -  -  -
        Request     -  .  S+ -   -  -  X  X
        Response    -  +  -  -   -  C  -  X
        Completed   -  .  -  -   -  .  -  .
        Abandoned   -  -  -  -   -  -  -  .";
    for (role, table) in [(Role::Requester, requester), (Role::Responder, responder)] {
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
        for (state, row) in states.into_iter().zip(rows) {
            assert_eq!(row[0], format!("{state:?}"));
            for (input, expected) in inputs.into_iter().zip(&row[1..]) {
                let got = match step(role, state, input) {
                    Err(refusal) => {
                        assert_eq!((refusal.role, refusal.state, refusal.input), (role, state, input));
                        "-".to_owned()
                    }
                    Ok(next) if next.effects.is_empty() && next.record == state => ".".to_owned(),
                    Ok(next) => {
                        let changes = next.moved().then_some(next.record);
                        assert_eq!(next.effects.contains(&Effect::Save), next.record != state);
                        assert_eq!(next.moved(), next.record != state);
                        let send = next.effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
                        let letter = changes.map_or("", |s| match s {
                            State::Request => "Q",
                            State::Response => "S",
                            State::Completed => "C",
                            State::Abandoned => "X",
                            State::Start | State::Invitation => "?",
                        });
                        format!("{letter}{}", if send { "+" } else { "" })
                    }
                };
                assert_eq!(&got, expected, "{role:?} in {state:?} with {input:?}");
            }
        }
    }
    let sent = step(Role::Responder, State::Response, RequestReceived).unwrap().effects;
    assert_eq!(sent, [Effect::Send(Send::Response)]);
}
