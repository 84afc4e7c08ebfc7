//! The life of an out-of-band record as a pure function (RFC 0434; ACA-Py's words).
//!
//! | role | from | by | told | kept as |
//! |---|---|---|---|---|
//! | sender | `initial` | the invitation is made | `await-response` | `await-response` |
//! | sender | `await-response` | a connection answers, or asks to be reused | `done`, `deleted` | removed |
//! | sender, multi-use | `await-response` | the same | `done` | `await-response` |
//! | sender | `await-response` | a message without a connection | | `await-response` |
//! | receiver | `initial` | a connection is made or used again | `initial`, `done`, `deleted` | removed |
//! | receiver | `initial` | a reuse is asked for | `await-response` | `await-response` |
//! | receiver | `await-response` | the reuse is accepted | `reuse-accepted`, `deleted` | removed |
//! | receiver | `await-response` | it is not, or nobody answers | `reuse-not-accepted` | `reuse-not-accepted` |
//! | receiver | `reuse-not-accepted` | a connection is made instead | `done`, `deleted` | removed |
//! | receiver | `initial` | the attached message is answered without a connection | `prepare-response` | `prepare-response` |
//! | receiver | `prepare-response` | a message without a connection | | `prepare-response` |
//! | both | all but `deleted` | the controller removes the invitation | `deleted` | removed |

use std::convert::Infallible;

use crate::exchange;

/// Our part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We invited.
    Sender,
    /// We were invited.
    Receiver,
}

impl Role {
    /// From the word in the record.
    pub fn of(word: &str) -> Self {
        if word == "sender" { Self::Sender } else { Self::Receiver }
    }

    /// The word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }
}

/// Where the record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Just made.
    Initial,
    /// Answering without a connection.
    PrepareResponse,
    /// Waiting for the other side.
    AwaitResponse,
    /// The other side did not want the connection to be used again.
    ReuseNotAccepted,
    /// It did.
    ReuseAccepted,
    /// Has led to a connection.
    Done,
    /// Removed.
    Deleted,
}

impl State {
    /// From the word in the record; unknown words count as done.
    pub fn of(word: &str) -> Self {
        match word {
            "initial" => Self::Initial,
            "prepare-response" => Self::PrepareResponse,
            "await-response" => Self::AwaitResponse,
            "reuse-not-accepted" => Self::ReuseNotAccepted,
            "reuse-accepted" => Self::ReuseAccepted,
            "deleted" => Self::Deleted,
            _ => Self::Done,
        }
    }

    /// The word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::PrepareResponse => "prepare-response",
            Self::AwaitResponse => "await-response",
            Self::ReuseNotAccepted => "reuse-not-accepted",
            Self::ReuseAccepted => "reuse-accepted",
            Self::Done => "done",
            Self::Deleted => "deleted",
        }
    }
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The invitation is made.
    Invited,
    /// A connection came of it, or its message came over one.
    Connected,
    /// The other side asks to use a connection again.
    ReuseAsked,
    /// We ask to use a connection again.
    ReuseSent,
    /// The other side accepts.
    ReuseAccepted,
    /// The other side does not accept, or says nothing.
    ReuseRefused,
    /// The attached message is answered without a connection.
    AnsweredInline,
    /// A message of the exchange without a connection.
    Message,
    /// The controller removes the invitation.
    Removed,
}

/// What follows. A record that is kept is saved by the caller, who has changed other parts of it.
pub type Step = exchange::Step<State, Infallible>;
type Effect = exchange::Effect<Infallible>;

/// The input does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{input:?} does not fit the {role:?} of an invitation in state {state:?}")]
pub struct Refusal {
    /// Our part.
    pub role: Role,
    /// The present state.
    pub state: State,
    /// What happened.
    pub input: Input,
}

/// The next step. `multi_use`: the invitation is for any number of receivers.
pub fn step(role: Role, state: State, input: Input, multi_use: bool) -> Result<Step, Refusal> {
    use Input as I;
    use State as S;
    let go = |next| Ok(Step { record: next, effects: vec![Effect::Notify] });
    let stay = |effects| Ok(Step { record: state, effects });
    let end = |through: &[State]| {
        let through = through.iter().map(|state| Effect::Pass(state.word()));
        Ok(Step { record: S::Deleted, effects: through.chain([Effect::Remove]).collect() })
    };
    match (role, state, input) {
        (Role::Sender, S::Initial, I::Invited) => go(S::AwaitResponse),
        (Role::Sender, S::AwaitResponse, I::Connected | I::ReuseAsked) if multi_use => {
            stay(vec![Effect::Pass(S::Done.word())])
        }
        (Role::Sender, S::AwaitResponse, I::Connected | I::ReuseAsked) => end(&[S::Done]),
        (Role::Sender, S::AwaitResponse, I::Message) => stay(Vec::new()),

        (Role::Receiver, S::Initial, I::Connected) => end(&[S::Initial, S::Done]),
        (Role::Receiver, S::ReuseNotAccepted, I::Connected) => end(&[S::Done]),
        (Role::Receiver, S::Initial, I::ReuseSent) => go(S::AwaitResponse),
        (Role::Receiver, S::AwaitResponse, I::ReuseAccepted) => end(&[S::ReuseAccepted]),
        (Role::Receiver, S::AwaitResponse, I::ReuseRefused) => go(S::ReuseNotAccepted),
        (Role::Receiver, S::Initial, I::AnsweredInline) => go(S::PrepareResponse),
        (Role::Receiver, S::PrepareResponse, I::Message) => stay(Vec::new()),
        (_, S::Deleted, _) => Err(Refusal { role, state, input }),
        (_, _, I::Removed) => end(&[]),
        _ => Err(Refusal { role, state, input }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_meets_every_input() {
        use Input::*;
        use State as S;
        let states = [
            S::Initial,
            S::PrepareResponse,
            S::AwaitResponse,
            S::ReuseNotAccepted,
            S::ReuseAccepted,
            S::Done,
            S::Deleted,
        ];
        let inputs = [
            Invited,
            Connected,
            ReuseAsked,
            ReuseSent,
            ReuseAccepted,
            ReuseRefused,
            AnsweredInline,
            Message,
            Removed,
        ];
        let letter = |state: State| match state {
            S::Initial => 'I',
            S::PrepareResponse => 'P',
            S::AwaitResponse => 'W',
            S::ReuseNotAccepted => 'N',
            S::ReuseAccepted => 'A',
            S::Done => 'D',
            S::Deleted => 'X',
        };
        // `-` refused; else the states told of, `/`, the state kept (`!`: removed).
        let sender = "
            Initial          W/W  -    -    - - -  -   - X/!
            PrepareResponse  -    -    -    - - -  -   - X/!
            AwaitResponse    -    DX/! DX/! - - -  -   /W X/!
            ReuseNotAccepted -    -    -    - - -  -   - X/!
            ReuseAccepted    -    -    -    - - -  -   - X/!
            Done             -    -    -    - - -  -   - X/!
            Deleted          -    -    -    - - -  -   - -";
        let multi_use = sender.replace("DX/!", "D/W");
        let receiver = "
            Initial          - IDX/! - W/W -    -   P/P - X/!
            PrepareResponse  - -     - -   -    -   -   /P X/!
            AwaitResponse    - -     - -   AX/! N/N -   - X/!
            ReuseNotAccepted - DX/!  - -   -    -   -   - X/!
            ReuseAccepted    - -     - -   -    -   -   - X/!
            Done             - -     - -   -    -   -   - X/!
            Deleted          - -     - -   -    -   -   - -";
        for (role, multi, table) in [
            (Role::Sender, false, sender),
            (Role::Sender, true, &multi_use),
            (Role::Receiver, false, receiver),
            (Role::Receiver, true, receiver),
        ] {
            let rows: Vec<Vec<&str>> =
                table.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
            assert_eq!(rows.len(), states.len());
            for (state, row) in states.into_iter().zip(rows) {
                assert_eq!((row[0], row.len()), (&*format!("{state:?}"), inputs.len() + 1));
                for (input, expected) in inputs.into_iter().zip(&row[1..]) {
                    let got = match step(role, state, input, multi) {
                        Err(refusal) => {
                            assert_eq!(refusal, Refusal { role, state, input });
                            "-".to_owned()
                        }
                        Ok(step) => {
                            let told = step.effects.iter().map(|effect| match effect {
                                Effect::Pass(word) => letter(State::of(word)),
                                _ => letter(step.record),
                            });
                            let removed = step.effects.contains(&Effect::Remove);
                            assert_eq!(removed, step.record == S::Deleted);
                            let kept = if removed { '!' } else { letter(step.record) };
                            format!("{}/{kept}", told.collect::<String>())
                        }
                    };
                    assert_eq!(&got, expected, "{role:?} (multi-use: {multi}) in {state:?} with {input:?}");
                }
            }
        }
    }

    #[test]
    fn the_words_are_the_records() {
        for word in
            ["initial", "prepare-response", "await-response", "reuse-not-accepted", "reuse-accepted", "done"]
        {
            assert_eq!(State::of(word).word(), word);
        }
    }
}
