//! Every state x every input, the refused ones included.

use serde_json::{Map, Value, json};

use crate::exchange::Trouble;
use crate::issue_credential_v2::messages::Kind;
use crate::issue_credential_v2::record::{Exchange, Role, State};
use crate::issue_credential_v2::state::{
    Automatic, Begin, Effect, HolderPolicy, Input, Refusal, Stored, Word, automatic, may, may_store, step,
};

const STATES: [State; 12] = [
    State::Start,
    State::ProposalSent,
    State::ProposalReceived,
    State::OfferSent,
    State::OfferReceived,
    State::RequestSent,
    State::RequestReceived,
    State::CredentialIssued,
    State::CredentialReceived,
    State::Done,
    State::Abandoned,
    State::CredentialRevoked,
];

fn message(id: &str) -> Stored {
    json!({"@id": id}).as_object().unwrap().clone()
}

fn record(role: Role, state: State) -> Exchange {
    Exchange { cred_ex_id: "x".into(), role, state, ..Exchange::default() }
}

/// A short word for the outcome: state and effects, or why not.
fn outcome(record: Exchange, input: Input) -> String {
    let before = record.state;
    match step(record, input) {
        Err(Refusal::Unexpected { .. }) => "refused".into(),
        Err(Refusal::WrongState { must, .. }) => format!("must {}", must.as_str()),
        Err(Refusal::Twice(_)) => "twice".into(),
        Ok(step) => {
            let state = if step.record.state == before { "=" } else { step.record.state.as_str() };
            let effects: Vec<String> = step.effects.iter().map(word).collect();
            format!("{state} {}", effects.join("+")).trim_end().to_owned()
        }
    }
}

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Send(Word::Stored(kind)) => format!("Send({kind:?})"),
        Effect::Send(Word::Ack) => "SendAck".into(),
        Effect::Tell(Word::Report(_)) => "SendReport".into(),
        other => format!("{other:?}"),
    }
}

/// Outcomes in the order of [`STATES`].
fn row(role: Role, input: impl Fn() -> Input, expected: [&str; 12]) {
    for (state, expected) in STATES.into_iter().zip(expected) {
        assert_eq!(outcome(record(role, state), input()), expected, "{role:?} {state:?} {:?}", input());
    }
}

const REFUSED: [&str; 12] = ["refused"; 12];

#[test]
fn received_by_an_issuer() {
    let role = Role::Issuer;
    row(
        role,
        || Input::ProposalReceived(message("p")),
        [
            "proposal-received Save+Notify",
            "=",
            "abandoned SendReport+Save+Notify",
            "proposal-received Save+Notify",
            "=",
            "=",
            "=",
            "=",
            "=",
            "=",
            "=",
            "=",
        ],
    );
    row(
        role,
        || Input::RequestReceived(message("r")),
        [
            "request-received Save+Notify",
            "refused",
            "refused",
            "request-received Save+Notify",
            "refused",
            "refused",
            "=",
            "= Send(Issue)",
            "refused",
            "= Send(Issue)",
            "refused",
            "=",
        ],
    );
    row(
        role,
        || Input::AckReceived,
        [
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            "done Save+Notify",
            "refused",
            "=",
            "refused",
            "=",
        ],
    );
    row(role, || Input::OfferReceived(message("o")), REFUSED);
    row(role, || Input::CredentialReceived(message("c")), REFUSED);
}

#[test]
fn received_by_a_holder() {
    let role = Role::Holder;
    row(
        role,
        || Input::OfferReceived(message("o")),
        [
            "offer-received Save+Notify",
            "offer-received Save+Notify",
            "=",
            "=",
            "abandoned SendReport+Save+Notify",
            "=",
            "=",
            "=",
            "=",
            "=",
            "=",
            "=",
        ],
    );
    row(
        role,
        || Input::CredentialReceived(message("c")),
        [
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            "credential-received Save+Notify",
            "refused",
            "refused",
            "=",
            "= SendAck",
            "refused",
            "refused",
        ],
    );
    row(role, || Input::ProposalReceived(message("p")), REFUSED);
    row(role, || Input::RequestReceived(message("r")), REFUSED);
    row(role, || Input::AckReceived, REFUSED);
}

#[test]
fn problem_reports() {
    for role in [Role::Issuer, Role::Holder] {
        let gone = "abandoned Save+Notify";
        row(
            role,
            || Input::Trouble(Trouble::Reported("e".into())),
            ["refused", gone, gone, gone, gone, gone, gone, gone, gone, "=", "= Save+Notify", "="],
        );
        let told = "abandoned SendReport+Save+Notify";
        row(
            role,
            || Input::Trouble(Trouble::GivenUp("e".into())),
            [
                "refused",
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                "= SendReport+Save+Notify",
                told,
            ],
        );
        row(
            role,
            || Input::Trouble(Trouble::Refused("e".into())),
            STATES.map(|state| if state == State::Start { "refused" } else { "= Save+Notify" }),
        );
        row(
            role,
            || Input::Trouble(Trouble::Failed("e".into())),
            [
                "refused",
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                told,
                "= SendReport+Save+Notify",
                told,
            ],
        );
    }
}

#[test]
fn commands() {
    let only = |at: State, result: &'static str, must: &'static str| {
        STATES.map(|state| if state == at { result } else { must })
    };
    for role in [Role::Issuer, Role::Holder] {
        row(
            role,
            || Input::Offer { counter: None, offer: message("o") },
            only(State::ProposalReceived, "offer-sent Send(Offer)+Save+Notify", "must proposal-received"),
        );
        row(
            role,
            || Input::Request { request: message("r"), flags: None },
            only(State::OfferReceived, "request-sent Send(Request)+Save+Notify", "must offer-received"),
        );
        row(
            role,
            || Input::Issue { credential: message("c") },
            only(
                State::RequestReceived,
                "credential-issued Send(Issue)+Save+Notify",
                "must request-received",
            ),
        );
        row(
            role,
            || Input::Store(Vec::new()),
            only(State::CredentialReceived, "done SendAck+Save+Notify", "must credential-received"),
        );
        let offer = |send| Begin::Offer { proposal: message("p"), offer: message("o"), send };
        for (begins_with, begins, expected) in [
            (Role::Issuer, offer(true), "offer-sent Send(Offer)+Save+Notify"),
            (Role::Issuer, offer(false), "offer-sent Save+Notify"),
            (Role::Holder, Begin::Proposal(message("p")), "proposal-sent Send(Proposal)+Save+Notify"),
            (
                Role::Holder,
                Begin::Request { proposal: message("p"), request: message("r") },
                "request-sent Send(Request)+Save+Notify",
            ),
        ] {
            let input = || Input::Begin(begins.clone());
            let expected = if role == begins_with { expected } else { "refused" };
            row(role, input, only(State::Start, expected, "must start"));
        }
    }
}

#[test]
fn repeats_are_known_by_their_id() {
    let mut issuer = record(Role::Issuer, State::ProposalReceived);
    issuer.cred_proposal = Some(message("p"));
    assert_eq!(outcome(issuer.clone(), Input::ProposalReceived(message("p"))), "=");
    assert_eq!(
        outcome(issuer.clone(), Input::ProposalReceived(message("q"))),
        "abandoned SendReport+Save+Notify"
    );
    issuer.state = State::OfferSent;
    assert_eq!(outcome(issuer, Input::ProposalReceived(message("p"))), "= Send(Offer)");

    let mut holder = record(Role::Holder, State::OfferReceived);
    holder.cred_offer = Some(message("o"));
    assert_eq!(outcome(holder.clone(), Input::OfferReceived(message("o"))), "=");
    assert_eq!(
        outcome(holder.clone(), Input::OfferReceived(message("q"))),
        "abandoned SendReport+Save+Notify"
    );
    holder.state = State::RequestSent;
    assert_eq!(outcome(holder.clone(), Input::OfferReceived(message("o"))), "= Send(Request)");
    assert_eq!(outcome(holder, Input::OfferReceived(message("q"))), "=");
}

/// All that a peer or a policy does, in every state, on records that hold every message.
#[test]
fn whatever_changes_a_record_is_an_event() {
    let inputs: [fn() -> Input; 8] = [
        || Input::Trouble(Trouble::Failed("e".into())),
        || Input::Trouble(Trouble::Refused("e".into())),
        || Input::ProposalReceived(message("n")),
        || Input::OfferReceived(message("n")),
        || Input::RequestReceived(message("n")),
        || Input::CredentialReceived(message("n")),
        || Input::AckReceived,
        || Input::Trouble(Trouble::Reported("e".into())),
    ];
    for role in [Role::Issuer, Role::Holder] {
        for state in STATES {
            for (input, held) in inputs.iter().flat_map(|input| [(input, false), (input, true)]) {
                let mut before = record(role, state);
                if held {
                    let stored = Some(message("s"));
                    (before.cred_proposal, before.cred_offer) = (stored.clone(), stored.clone());
                    (before.cred_request, before.cred_issue) = (stored.clone(), stored);
                }
                let Ok(step) = step(before.clone(), input()) else { continue };
                let changed =
                    serde_json::to_value(&step.record).unwrap() != serde_json::to_value(&before).unwrap();
                let has = |effect| step.effects.contains(&effect);
                assert_eq!(
                    (has(Effect::Save), has(Effect::Notify)),
                    (changed, changed),
                    "{role:?} {state:?} {:?}",
                    input()
                );
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
    assert_eq!(outcome(reported.clone(), Input::AckReceived), "done Save+Notify");
    assert_eq!(step(reported.clone(), Input::AckReceived).unwrap().record.error_msg, None);
    assert_eq!(outcome(step(reported, our()).unwrap().record, Input::AckReceived), "refused");

    let given_up = step(issued(), our()).unwrap().record;
    assert_eq!(outcome(given_up.clone(), their()), "=");
    assert_eq!(outcome(step(given_up, their()).unwrap().record, Input::AckReceived), "refused");

    let early = step(record(Role::Issuer, State::OfferSent), their()).unwrap().record;
    assert_eq!(outcome(early, Input::AckReceived), "refused", "nothing was issued");
}

#[test]
fn the_same_report_again_is_no_event() {
    let report = || Input::Trouble(Trouble::Reported("code: text".into()));
    let once = step(record(Role::Holder, State::RequestSent), report()).unwrap().record;
    assert_eq!(outcome(once.clone(), report()), "=");
    assert_eq!(outcome(once, Input::Trouble(Trouble::Reported("other".into()))), "= Save+Notify");
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
        assert_eq!(removed(step(holder, Input::Store(Vec::new())).unwrap()), expected);
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
    let plain = step(issuer, Input::Offer { counter: None, offer: message("o") }).unwrap().record;
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
    let all = HolderPolicy { request: true, store: true };
    let with = |role, state, auto| Exchange { auto_offer: auto, auto_issue: auto, ..record(role, state) };
    for state in STATES {
        let expected = match state {
            State::ProposalReceived => Some(Automatic::Offer),
            State::OfferReceived => Some(Automatic::Request),
            State::RequestReceived => Some(Automatic::Issue),
            State::CredentialReceived => Some(Automatic::Store),
            _ => None,
        };
        assert_eq!(automatic(&with(Role::Issuer, state, Some(true)), all), expected, "{state:?}");
        for off in [None, Some(false)] {
            assert_eq!(
                automatic(&with(Role::Issuer, state, off), HolderPolicy::default()),
                None,
                "{state:?}"
            );
        }
    }
}

#[test]
fn stored_words_are_the_apis() {
    for state in State::STORED {
        assert_eq!(serde_json::to_value(state).unwrap(), Value::from(state.as_str()));
    }
}
