//! Every state x every input, the refused ones included.

use serde_json::{Map, Value, json};

use crate::exchange::Trouble;
use crate::issue_credential_v2::messages::Kind;
use crate::issue_credential_v2::record::{Exchange, Role, State};
use crate::issue_credential_v2::state::{
    Automatic, Begin, Effect, Input, Refusal, Stored, Word, automatic, may, may_store, step,
};
use crate::unit::Settings;

/// The states by their letters in the tables.
const STATES: [(&str, State); 12] = [
    ("Start", State::Start),
    ("PS", State::ProposalSent),
    ("PR", State::ProposalReceived),
    ("OS", State::OfferSent),
    ("OR", State::OfferReceived),
    ("RS", State::RequestSent),
    ("RR", State::RequestReceived),
    ("CI", State::CredentialIssued),
    ("CR", State::CredentialReceived),
    ("Done", State::Done),
    ("Ab", State::Abandoned),
    ("Rev", State::CredentialRevoked),
];

fn letters(of: State) -> &'static str {
    STATES.iter().find(|(_, state)| *state == of).unwrap().0
}

fn message(id: &str) -> Stored {
    json!({"@id": id}).as_object().unwrap().clone()
}

fn record(role: Role, state: State) -> Exchange {
    Exchange { cred_ex_id: "x".into(), role, state, ..Exchange::default() }
}

/// The outcome in short: `-` refused, `!PR` must be in that state; else the state, `=` where it stays, then `*` when the
/// record is saved and the controller told, `X` when it is removed, and what is sent; `.`: nothing.
fn outcome(record: Exchange, input: Input) -> String {
    let before = record.state;
    let step = match step(record, input) {
        Err(Refusal::Unexpected { .. }) => return "-".into(),
        Err(Refusal::WrongState { must, .. }) => return format!("!{}", letters(must)),
        Err(Refusal::Twice(_)) => return "twice".into(),
        Ok(step) => step,
    };
    if step.effects.is_empty() {
        assert_eq!(step.record.state, before);
        return ".".into();
    }
    let mut short = if step.record.state == before { "=" } else { letters(step.record.state) }.to_owned();
    let mut sent = String::new();
    for effect in &step.effects {
        match effect {
            Effect::Send(Word::Stored(Kind::Proposal)) => sent.push_str("+proposal"),
            Effect::Send(Word::Stored(Kind::Offer)) => sent.push_str("+offer"),
            Effect::Send(Word::Stored(Kind::Request)) => sent.push_str("+request"),
            Effect::Send(Word::Stored(Kind::Issue)) => sent.push_str("+issue"),
            Effect::Send(Word::Ack) => sent.push_str("+ack"),
            Effect::Tell(Word::Report(_)) => sent.push_str("+report"),
            Effect::Save => assert!(step.moved()),
            Effect::Notify => short.push('*'),
            Effect::Remove => short.push('X'),
            other => panic!("{other:?}"),
        }
    }
    short + &sent
}

fn input(name: &str) -> Input {
    match name {
        "proposal" => Input::ProposalReceived(message("p")),
        "offer" => Input::OfferReceived(message("o")),
        "request" => Input::RequestReceived(message("r")),
        "credential" => Input::CredentialReceived(message("c")),
        "ack" => Input::AckReceived,
        "Reported" => Input::Trouble(Trouble::Reported("e".into())),
        "GivenUp" => Input::Trouble(Trouble::GivenUp("e".into())),
        "Failed" => Input::Trouble(Trouble::Failed("e".into())),
        "Refused" => Input::Trouble(Trouble::Refused("e".into())),
        "Offer" => Input::Offer { counter: None, offer: message("o") },
        "Request" => Input::Request { request: message("r"), flags: None },
        "Issue" => Input::Issue { credential: message("c") },
        "Store" => Input::Store,
        "Propose" => Input::Begin(Begin::Proposal(message("p"))),
        "FreeOffer" | "Prepare" => {
            let send = name == "FreeOffer";
            let begins = Begin::Offer { proposal: message("p"), offer: message("o"), send };
            Input::Begin(begins)
        }
        "FreeRequest" => {
            let begins = Begin::Request { proposal: message("p"), request: message("r") };
            Input::Begin(begins)
        }
        other => panic!("no input {other}"),
    }
}

/// What arrives and what goes wrong, in every state.
#[test]
fn every_state_meets_every_input() {
    let issuer = "
        proposal   PR* . Ab*+report PR* . . . . . . . .
        request    RR* - - RR* - - . =+issue - =+issue - .
        ack        - - - - - - - Done* - . - .
        offer      - - - - - - - - - - - -
        credential - - - - - - - - - - - -";
    let holder = "
        offer      OR* OR* . . Ab*+report . . . . . . .
        credential - - - - - CR* - - . =+ack - -
        proposal   - - - - - - - - - - - -
        request    - - - - - - - - - - - -
        ack        - - - - - - - - - - - -";
    let both = "
        Reported   - Ab* Ab* Ab* Ab* Ab* Ab* Ab* Ab* . =* .
        GivenUp    - ~ ~ ~ ~ ~ ~ ~ ~ ~ =*+report ~
        Failed     - ~ ~ ~ ~ ~ ~ ~ ~ ~ =*+report ~
        Refused    - =* =* =* =* =* =* =* =* =* =* =*"
        .replace('~', "Ab*+report");
    for (role, table) in
        [(Role::Issuer, issuer), (Role::Holder, holder), (Role::Issuer, &*both), (Role::Holder, &*both)]
    {
        for row in table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()) {
            assert_eq!(row.len(), STATES.len() + 1, "{row:?}");
            for ((_, state), expected) in STATES.into_iter().zip(&row[1..]) {
                assert_eq!(
                    &outcome(record(role, state), input(row[0])),
                    expected,
                    "{role:?} {state:?} {}",
                    row[0]
                );
            }
        }
    }
}

/// Each has one state in which it may come, and a beginning the role whose it is.
#[test]
fn every_command_is_refused_in_every_state_but_its_own() {
    for (name, begins, at, expected) in [
        ("Offer", None, "PR", "OS*+offer"),
        ("Request", None, "OR", "RS*+request"),
        ("Issue", None, "RR", "CI*+issue"),
        ("Store", None, "CR", "Done*+ack"),
        ("Propose", Some(Role::Holder), "Start", "PS*+proposal"),
        ("FreeOffer", Some(Role::Issuer), "Start", "OS*+offer"),
        ("Prepare", Some(Role::Issuer), "Start", "OS*"),
        ("FreeRequest", Some(Role::Holder), "Start", "RS*+request"),
    ] {
        for role in [Role::Issuer, Role::Holder] {
            for (letters, state) in STATES {
                let may = if begins.is_none_or(|begins| begins == role) { expected } else { "-" };
                let expected = if letters == at { may.to_owned() } else { format!("!{at}") };
                assert_eq!(outcome(record(role, state), input(name)), expected, "{role:?} {letters} {name}");
            }
        }
    }
}

#[test]
fn what_formats_keep_comes_before_the_record_and_only_with_a_step_that_fits() {
    let kept = || vec![Effect::Announce("detail", json!({}))];
    let requested = record(Role::Issuer, State::RequestReceived);
    let issued = step(requested.clone(), input("Issue").keeping(kept())).unwrap();
    let order = [&kept()[..], &step(requested, input("Issue")).unwrap().effects].concat();
    assert_eq!((issued.record.state, issued.effects), (State::CredentialIssued, order));
    let offered = record(Role::Issuer, State::OfferSent);
    assert!(step(offered, input("Issue").keeping(kept())).is_err());
}

#[test]
fn repeats_are_known_by_their_id() {
    let mut issuer = record(Role::Issuer, State::ProposalReceived);
    issuer.cred_proposal = Some(message("p"));
    assert_eq!(outcome(issuer.clone(), Input::ProposalReceived(message("p"))), ".");
    assert_eq!(outcome(issuer.clone(), Input::ProposalReceived(message("q"))), "Ab*+report");
    issuer.state = State::OfferSent;
    assert_eq!(outcome(issuer, Input::ProposalReceived(message("p"))), "=+offer");

    let mut holder = record(Role::Holder, State::OfferReceived);
    holder.cred_offer = Some(message("o"));
    assert_eq!(outcome(holder.clone(), Input::OfferReceived(message("o"))), ".");
    assert_eq!(outcome(holder.clone(), Input::OfferReceived(message("q"))), "Ab*+report");
    holder.state = State::RequestSent;
    assert_eq!(outcome(holder.clone(), Input::OfferReceived(message("o"))), "=+request");
    assert_eq!(outcome(holder, Input::OfferReceived(message("q"))), ".");
}

/// All that a peer or a policy does, in every state, on records that hold every message.
#[test]
fn whatever_changes_a_record_is_an_event() {
    let inputs = ["Failed", "Refused", "proposal", "offer", "request", "credential", "ack", "Reported"];
    for role in [Role::Issuer, Role::Holder] {
        for (_, state) in STATES {
            for (name, held) in inputs.into_iter().flat_map(|name| [(name, false), (name, true)]) {
                let mut before = record(role, state);
                if held {
                    let stored = Some(message("s"));
                    (before.cred_proposal, before.cred_offer) = (stored.clone(), stored.clone());
                    (before.cred_request, before.cred_issue) = (stored.clone(), stored);
                }
                let Ok(step) = step(before.clone(), input(name)) else { continue };
                let changed =
                    serde_json::to_value(&step.record).unwrap() != serde_json::to_value(&before).unwrap();
                let has = |effect| step.effects.contains(&effect);
                let told = (has(Effect::Save), has(Effect::Notify));
                assert_eq!(told, (changed, changed), "{role:?} {state:?} {name}");
            }
        }
    }
}

#[test]
fn an_acknowledgement_undoes_their_report_not_ours() {
    let issued = || {
        let mut issuer = record(Role::Issuer, State::CredentialIssued);
        issuer.cred_issue = Some(message("c"));
        issuer
    };
    let their = || Input::Trouble(Trouble::Reported("code: text".into()));
    let our = || Input::Trouble(Trouble::GivenUp("x".into()));
    let reported = step(issued(), their()).unwrap().record;
    assert_eq!(outcome(reported.clone(), Input::AckReceived), "Done*");
    assert_eq!(step(reported.clone(), Input::AckReceived).unwrap().record.error_msg, None);
    assert_eq!(outcome(step(reported, our()).unwrap().record, Input::AckReceived), "-");

    let given_up = step(issued(), our()).unwrap().record;
    assert_eq!(outcome(given_up.clone(), their()), ".");
    assert_eq!(outcome(step(given_up, their()).unwrap().record, Input::AckReceived), "-");

    let early = step(record(Role::Issuer, State::OfferSent), their()).unwrap().record;
    assert_eq!(outcome(early, Input::AckReceived), "-", "nothing was issued");
}

#[test]
fn the_same_report_again_is_no_event() {
    let report = || Input::Trouble(Trouble::Reported("code: text".into()));
    let once = step(record(Role::Holder, State::RequestSent), report()).unwrap().record;
    assert_eq!(outcome(once.clone(), report()), ".");
    assert_eq!(outcome(once, Input::Trouble(Trouble::Reported("other".into()))), "=*");
}

#[test]
fn messages_are_made_once() {
    let mut holder = record(Role::Holder, State::OfferReceived);
    holder.cred_request = Some(Map::new());
    assert_eq!(may(&holder, Kind::Request), Err(Refusal::Twice(Kind::Request)));
    assert_eq!(
        may(&holder, Kind::Request).unwrap_err().of("x").0,
        "create_request() called multiple times for v2.0 credential exchange x."
    );
    let mut issuer = record(Role::Issuer, State::RequestReceived);
    issuer.cred_issue = Some(Map::new());
    assert_eq!(
        may(&issuer, Kind::Issue).unwrap_err().of("x").0,
        "issue_credential() called multiple times for cred ex record x."
    );
}

#[test]
fn texts_of_wrong_states_are_acapys() {
    let text = |result: Result<(), Refusal>| result.unwrap_err().of("x").0;
    let sent = record(Role::Issuer, State::OfferSent);
    assert_eq!(
        text(may(&sent, Kind::Offer)),
        "Credential exchange record x in offer-sent state (must be proposal-received)."
    );
    assert_eq!(
        text(may(&sent, Kind::Issue)),
        "Credential exchange x in offer-sent state (must be request-received)."
    );
    assert_eq!(
        text(may_store(&record(Role::Holder, State::Done))),
        "Credential exchange x in done state (must be credential-received)."
    );
}

#[test]
fn records_are_removed_when_they_say_so() {
    for (flag, expected) in [(None, false), (Some(false), false), (Some(true), true)] {
        let mut issuer = record(Role::Issuer, State::CredentialIssued);
        issuer.auto_remove = flag;
        let removed = |step: crate::issue_credential_v2::state::Step| step.effects.contains(&Effect::Remove);
        assert_eq!(removed(step(issuer, Input::AckReceived).unwrap()), expected);
        let mut holder = record(Role::Holder, State::CredentialReceived);
        holder.auto_remove = flag;
        assert_eq!(removed(step(holder, Input::Store).unwrap()), expected);
        let mut failing = record(Role::Holder, State::RequestSent);
        failing.auto_remove = Some(true);
        failing.auto_remove_on_failure = flag;
        assert_eq!(removed(step(failing, Input::Trouble(Trouble::Reported("e".into()))).unwrap()), expected);
    }
}

#[test]
fn a_step_changes_what_it_should() {
    let request = Input::Request { request: message("r"), flags: Some((true, None)) };
    let mut holder = record(Role::Holder, State::OfferReceived);
    (holder.auto_remove, holder.auto_remove_on_failure) = (Some(false), Some(false));
    let after = step(holder, request).unwrap().record;
    assert_eq!((after.auto_remove, after.auto_remove_on_failure), (Some(true), None));
    assert_eq!(after.cred_request, Some(message("r")));

    let mut issuer = record(Role::Issuer, State::ProposalReceived);
    issuer.cred_proposal = Some(message("p"));
    let counter = Input::Offer { counter: Some(message("c")), offer: message("o") };
    let after = step(issuer.clone(), counter).unwrap().record;
    assert_eq!((after.cred_proposal, after.cred_offer), (Some(message("c")), Some(message("o"))));
    let plain = step(issuer, input("Offer")).unwrap().record;
    assert_eq!(plain.cred_proposal, Some(message("p")));

    let report = step(
        record(Role::Holder, State::RequestSent),
        Input::Trouble(Trouble::Reported("code: text".into())),
    );
    assert_eq!(report.unwrap().record.error_msg.as_deref(), Some("code: text"));
    let kept =
        step(record(Role::Holder, State::Done), Input::Trouble(Trouble::Reported("code: text".into())));
    assert_eq!(kept.unwrap().record.error_msg, None);
}

#[test]
fn policy_turns_states_into_answers() {
    let all =
        Settings { auto_respond_credential_offer: true, auto_store_credential: true, ..Settings::default() };
    let with = |role, state, auto| Exchange { auto_offer: auto, auto_issue: auto, ..record(role, state) };
    for (_, state) in STATES {
        let expected = match state {
            State::ProposalReceived => Some(Automatic::Offer),
            State::OfferReceived => Some(Automatic::Request),
            State::RequestReceived => Some(Automatic::Issue),
            State::CredentialReceived => Some(Automatic::Store),
            _ => None,
        };
        assert_eq!(automatic(&with(Role::Issuer, state, Some(true)), &all), expected, "{state:?}");
        for off in [None, Some(false)] {
            assert_eq!(automatic(&with(Role::Issuer, state, off), &Settings::default()), None, "{state:?}");
        }
    }
}

#[test]
fn stored_words_are_the_apis() {
    for state in State::STORED {
        assert_eq!(serde_json::to_value(state).unwrap(), Value::from(state.as_str()));
    }
}
