"use strict";

const at = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

let description;
const operations = new Map();

// Ids of the latest answers, to begin the next call with.
const latest = {};
const ids = ["connection_id", "cred_ex_id", "oob_id", "invi_msg_id", "record_id", "did"];

function remember(value, depth = 0) {
  if (!value || typeof value !== "object" || depth > 3) return;
  for (const [name, member] of Object.entries(value).reverse()) {
    if (ids.includes(name) && typeof member === "string") latest[name] = member;
    else remember(member, depth + 1);
  }
}

function remembered(name) {
  return latest[{ conn_id: "connection_id", credential_id: "record_id" }[name] || name];
}

function resolve(schema) {
  while (schema && schema.$ref) {
    schema = schema.$ref.split("/").slice(1).reduce((node, step) => node[step], description);
  }
  return schema || {};
}

// An example of a schema: what is required, and what has an example of its own.
function example(schema, deep = 0) {
  const found = schema.examples && schema.examples[0];
  if (found !== undefined) return found;
  if (schema.default !== undefined) return schema.default;
  schema = resolve(schema);
  if (schema.examples) return schema.examples[0];
  if (schema.anyOf) return example(schema.anyOf[0], deep);
  if (schema.enum) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") {
    const needed = schema.required || [];
    const only = needed.length ? needed : deep ? [] : Object.keys(schema.properties || {});
    return Object.fromEntries(only.map((name) => [name, example(schema.properties[name], deep + 1)]));
  }
  return { array: [], boolean: false, integer: 0 }[type] ?? "";
}

// An issuer's first calls; `$name` stands for what an earlier answer had under that name.
let steps = [];

function filled(value) {
  const text = JSON.stringify(value ?? null);
  return JSON.parse(text.replace(/\$(\w+)/g, (all, name) => latest[name] || all));
}

function stepOf(operation) {
  return steps.find((step) => step.method === operation.method && step.path === operation.path);
}

const offer = () => ({ filter: filled(steps.at(-1).body.filter) });
const offerTo = (body) => ({ connection_id: latest.connection_id || body.connection_id, ...offer() });

const bodies = {
  post_issue_credential_2_0_send: offerTo,
  post_issue_credential_2_0_send_proposal: offerTo,
  post_issue_credential_2_0_send_request: offerTo,
  post_issue_credential_2_0_create_offer: offer,
  post_issue_credential_2_0_create: offer,
  post_issue_credential_2_0_records_cred_ex_id_send_request: () => ({}),
  post_issue_credential_2_0_records_cred_ex_id_send_offer: () => ({}),
  post_issue_credential_2_0_records_cred_ex_id_store: () => ({}),
  post_issue_credential_2_0_records_cred_ex_id_issue: () => ({ comment: "here you are" }),
  post_credentials_w3c: () => ({}),
};

function list() {
  const words = at("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const here = location.hash.slice(1);
  const groups = description.tags.map((tag) => {
    const links = [...operations.values()]
      .filter((o) => o.tags[0] === tag.name)
      .filter((o) => words.every((w) => `${o.method} ${o.path} ${o.summary}`.toLowerCase().includes(w)))
      .map((o) => make("a", { href: `#${o.operationId}`, title: o.summary, class: o.operationId === here ? "here" : "" },
        make("span", { class: `method ${o.method}` }, o.method.toUpperCase()), make("span", {}, o.path)));
    return links.length ? make("section", {}, make("h2", { title: tag.description }, tag.name), ...links) : undefined;
  });
  at("list").replaceChildren(...groups.filter(Boolean));
}

function input(parameter, given) {
  const schema = resolve(parameter.schema);
  const id = `p-${parameter.in}-${parameter.name}`;
  const label = make("label", { for: id, class: parameter.required ? "needed" : "" }, parameter.name);
  const choices = schema.enum || (schema.type === "boolean" ? ["true", "false"] : undefined);
  const hint = parameter.schema.default !== undefined ? `default: ${parameter.schema.default}` : "";
  const control = choices
    ? make("select", { id, name: parameter.name, required: parameter.required }, make("option", { value: "" }, hint), ...choices.map((c) => make("option", {}, c)))
    : make("input", { id, name: parameter.name, required: parameter.required, placeholder: hint || (parameter.schema.examples || [""])[0] });
  if (given !== undefined) control.value = given;
  else if (parameter.required && remembered(parameter.name)) control.value = remembered(parameter.name);
  return { control, parameter, row: make("div", { class: "field" }, label, control, make("small", {}, parameter.description || "")) };
}

function members(schema, prefix = "", depth = 0) {
  schema = resolve(schema);
  return Object.entries(schema.properties || {}).flatMap(([name, member]) => {
    const inner = resolve(member);
    const type = [].concat(inner.type || (inner.enum ? "text" : "any")).join(" or ");
    const needed = (schema.required || []).includes(name) ? " *" : "";
    const about = [member.description, inner.enum && `one of ${inner.enum.join(", ")}`].filter(Boolean).join(" — ");
    const row = make("tr", {}, make("td", {}, prefix + name + needed), make("td", {}, type), make("td", {}, about));
    const below = inner.properties ? inner : inner.type === "array" ? resolve(inner.items) : {};
    return [row, ...(below.properties && depth < 3 ? members(below, `${prefix}${name}.`, depth + 1) : [])];
  });
}

function show(operation) {
  const step = stepOf(operation);
  const query = filled(step?.query) || {};
  const inputs = (operation.parameters || []).map((parameter) => input(parameter, query[parameter.name]));
  const media = operation.requestBody && operation.requestBody.content["application/json"].schema;
  let body;
  if (media) {
    const given = example(media);
    const better = bodies[operation.operationId];
    body = make("textarea", { spellcheck: "false", "aria-label": "Body" });
    body.value = JSON.stringify(step ? filled(step.body) : better ? better(given) : given, null, 2);
  }
  const button = make("button", { type: "submit" }, "Call");
  const result = make("div", {});
  const form = make("form", { onsubmit: (event) => {
    event.preventDefault();
    call(operation, inputs, body, button, result);
  } }, ...inputs.map((i) => i.row),
    body && make("p", { class: "muted" }, "Body (JSON)"), body, make("div", { class: "actions" }, button));
  const fields = media ? members(media) : [];
  at("main").replaceChildren(
    make("h2", {}, operation.summary),
    make("p", { class: "path" }, make("span", { class: `method ${operation.method}` }, operation.method.toUpperCase()), " ", operation.path),
    operation.deprecated ? make("p", { class: "muted" }, "Deprecated.") : "",
    operation.description ? make("p", {}, operation.description) : "",
    form, result,
    fields.length ? make("details", {}, make("summary", {}, "Members of the body"), make("table", {}, ...fields)) : "");
}

// What a call lacks, as a sentence; nothing when it can be made.
function lacks(operation, inputs, text) {
  const needed = inputs.filter(({ control, parameter }) => parameter.required && !control.value.trim());
  if (needed.length) return `Needed: ${needed.map(({ parameter }) => parameter.name).join(", ")}`;
  const open = [...inputs.map(({ control }) => control.value), text || ""].join(" ").match(/\$(did|connection_id|invi_msg_id)\b/g);
  if (open) return `Not known yet: ${[...new Set(open)].join(", ")}. Take the steps before, or write the values.`;
  if (!text) return "";
  try {
    const given = JSON.parse(text);
    const required = resolve(operation.requestBody.content["application/json"].schema).required || [];
    const absent = required.filter((name) => given[name] === undefined || given[name] === "");
    return absent.length ? `The body needs: ${absent.join(", ")}` : "";
  } catch (error) {
    return `The body is no JSON: ${error.message}`;
  }
}

// A refusal: what happened, what to do, and the page of its code.
function refusal(problem) {
  return make("div", { class: "refusal" },
    make("p", {}, problem.detail),
    problem.hint && make("p", { class: "hint" }, problem.hint),
    make("p", { class: "muted" }, make("a", { href: problem.type, target: "_blank", rel: "noopener" }, problem.code)));
}

async function call(operation, inputs, body, button, result) {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const { control, parameter } of inputs) {
    const value = control.value.trim();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value) query.append(parameter.name, value);
  }
  const search = query.toString();
  const url = search ? `${path}?${search}` : path;
  const lacking = lacks(operation, inputs, body && body.value.trim());
  if (lacking) {
    result.replaceChildren(make("p", { class: "hint" }, lacking));
    return;
  }
  const headers = { accept: "application/problem+json, */*;q=0.9" };
  if (at("key").value) headers["x-api-key"] = at("key").value;
  const text = body && body.value.trim();
  if (text) headers["content-type"] = "application/json";
  button.disabled = true;
  const began = performance.now();
  try {
    const answer = await fetch(url, { method: operation.method.toUpperCase(), headers, body: text || undefined });
    const millis = Math.round(performance.now() - began);
    const content = await answer.text();
    const json = (answer.headers.get("content-type") || "").includes("json");
    if (answer.ok && json) remember(JSON.parse(content));
    result.replaceChildren(
      make("p", {}, make("span", { class: `status ${answer.ok ? "post" : "delete"}` }, `${answer.status}`),
        make("span", { class: "muted" }, `  ${millis} ms · request ${answer.headers.get("x-request-id")}`)),
      !answer.ok && json ? refusal(JSON.parse(content)) : make("pre", {}, json ? JSON.stringify(JSON.parse(content), null, 2) : content),
      make("details", {}, make("summary", {}, "As a command"), make("pre", {}, curl(operation, url, text))));
  } catch (error) {
    result.replaceChildren(make("pre", {}, `No answer: ${error.message}`));
  }
  button.disabled = false;
}

function curl(operation, url, text) {
  const quote = (value) => `'${value.replaceAll("'", "'\\''")}'`;
  const parts = ["curl", "-X", operation.method.toUpperCase(), quote(location.origin + url)];
  if (at("key").value) parts.push("-H", '"x-api-key: $ADMIN_KEY"');
  if (text) parts.push("-H", quote("content-type: application/json"), "-d", quote(text));
  return parts.join(" ");
}

function route() {
  const operation = operations.get(location.hash.slice(1));
  if (operation) show(operation);
  list();
}

async function probe() {
  const state = at("state");
  try {
    const answer = await fetch("/status/ready");
    const text = await answer.text();
    state.className = answer.ok ? "good" : "bad";
    const warnings = answer.ok ? JSON.parse(text).warnings || [] : [];
    state.textContent = answer.ok ? ["ready", ...warnings].join(" · ") : text;
  } catch {
    state.className = "bad";
    state.textContent = "no answer";
  }
}

async function start() {
  description = await (await fetch("/api/docs/openapi.json")).json();
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      operations.set(operation.operationId, { ...operation, path, method });
    }
  }
  steps = await (await fetch("/api/doc/steps.json")).json();
  const id = ({ method, path }) => [...operations.values()].find((o) => o.method === method && o.path === path).operationId;
  at("steps").replaceChildren(...steps.map((step) => make("li", {}, `${step.about}: `,
    make("a", { href: `#${id(step)}` }, `${step.method.toUpperCase()} ${step.path}`))));
  at("find").addEventListener("input", list);
  addEventListener("hashchange", route);
  route();
  probe();
  setInterval(probe, 10000);
}

start();
