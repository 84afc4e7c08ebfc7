//! `GET /chancery/outbox`

use chancery_agent::delivery;

use crate::failure::Failure;
use crate::operation::{Answer, Operation};
use crate::schema::{Field, Schema, boolean, integer, object, text};

static FAILURE: Schema = Schema { name: "DeliveryFailure", parts: &[&HOW], whole: None };

static HOW: [Field; 2] = [text("reason").about("Why it failed"), text("at").about("When")];

static DOWN: Schema = Schema { name: "EndpointDown", parts: &[&HOW, &HOW_LONG], whole: None };

static HOW_LONG: [Field; 2] = [
    integer("failures", None).about("Failed tries in a row, of all messages to it"),
    text("since").about("When the first of them failed"),
];

static ROW: [Field; 9] = [
    integer("seq", None).about("Its number in the queue"),
    integer("attempts", None).about("How often it was tried"),
    text("due").about("Not tried before this time"),
    text("created").about("When it was sent"),
    text("endpoint").about("Where it goes; null: it waits to be fetched").nullable(),
    boolean("under_way").about("It is being tried now"),
    object("last_failure", &FAILURE).about("Its last failed try since the agent started").nullable(),
    text("next_try").about("Not tried before this time; null: when its turn comes").nullable(),
    object("endpoint_down", &DOWN)
        .about("Its endpoint does not work: all messages to it wait, one of them probes")
        .nullable(),
];

static ANSWER: Schema = Schema { name: "Waiting", parts: &[&ROW, &super::MESSAGE], whole: None };

pub(super) static OPERATION: Operation = Operation::get("/chancery/outbox", super::TAG, |mut call| {
    Box::pin(async move {
        let page = call.command()?;
        let process = &*call.state.api.operations;
        delivery::outbox(call.agent(), &call.tenant, process, page).await.map_err(Failure::from)
    })
})
.summary("List the messages that wait to be delivered")
.about("Oldest first. What they say is not shown.")
.query(&[&super::PAGE])
.answers(Answer::Results(&ANSWER));
