'use strict'
// Credo-TS as an agent of its own process, steered over HTTP by harness/credo.py; what happens in it is posted as webhooks.
// Everything that goes over the wire is Credo's: this file only calls its API.

const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { parseArgs } = require('node:util')

process.env.LIB_ASKAR_PATH = path.join(__dirname, 'native')

const { AskarModule } = require('@credo-ts/askar')
const core = require('@credo-ts/core')
const { agentDependencies, HttpInboundTransport } = require('@credo-ts/node')
const { askar } = require('@openwallet-foundation/askar-nodejs')
// Not exported from the package's index.
const { ConnectionsModuleConfig } = require('@credo-ts/core/build/modules/connections/ConnectionsModuleConfig')
const { DidExchangeProtocol } = require('@credo-ts/core/build/modules/connections/DidExchangeProtocol')
const { DEFAULT_CONTEXTS } = require('@credo-ts/core/build/modules/vc/data-integrity/libraries/contexts')
const { defaultDocumentLoader } = require('@credo-ts/core/build/modules/vc/data-integrity/libraries/documentLoader')

const CONTEXTS = path.join(__dirname, '..', '..', 'protocols', 'jsonld', 'contexts')

const { values: given } = parseArgs({
  options: {
    label: { type: 'string' },
    port: { type: 'string' },
    'admin-port': { type: 'string' },
    'webhook-url': { type: 'string' },
  },
})

/** Contexts out of our repository and out of Credo, DIDs through Credo's resolver; nothing from the network. */
function documentLoader(agentContext) {
  const files = JSON.parse(fs.readFileSync(path.join(CONTEXTS, 'manifest.json'), 'utf8'))
  const bundled = new Map(files.map(({ url, file }) => [url, path.join(CONTEXTS, file)]))
  const credos = defaultDocumentLoader(agentContext)
  return async (url) => {
    if (bundled.has(url)) {
      return { contextUrl: null, documentUrl: url, document: JSON.parse(fs.readFileSync(bundled.get(url), 'utf8')) }
    }
    if (!url.startsWith('did:') && !(url in DEFAULT_CONTEXTS)) throw new Error(`no document for ${url} here`)
    return credos(url)
  }
}

const agent = new core.Agent({
  config: {
    label: given.label,
    endpoints: [`http://127.0.0.1:${given.port}`],
    walletConfig: { id: given.label, key: given.label, storage: { type: 'sqlite', inMemory: true } },
    logger: new core.ConsoleLogger(core.LogLevel.warn),
  },
  dependencies: agentDependencies,
  modules: {
    askar: new AskarModule({ ariesAskar: askar }),
    connections: new core.ConnectionsModule({ autoAcceptConnections: true }),
    w3cCredentials: new core.W3cCredentialsModule({ documentLoader }),
    credentials: new core.CredentialsModule({
      autoAcceptCredentials: core.AutoAcceptCredential.Never,
      credentialProtocols: [
        new core.V2CredentialProtocol({ credentialFormats: [new core.JsonLdCredentialFormatService()] }),
      ],
    }),
  },
})
agent.registerInboundTransport(new HttpInboundTransport({ port: Number(given.port) }))
agent.registerOutboundTransport(new core.HttpOutboundTransport())

let posted = Promise.resolve()

/** Posts a webhook, each after the one before it. */
function tell(topic, body) {
  posted = posted
    .then(() =>
      fetch(`${given['webhook-url']}/topic/${topic}/`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
    )
    .catch((failure) => console.error(`ERROR: webhook ${topic}: ${failure}`))
}

function watch() {
  const on = (type, listener) => agent.events.on(type, (event) => listener(event.payload))
  on(core.ConnectionEventTypes.ConnectionStateChanged, ({ connectionRecord: record }) =>
    tell('connections', { ...record.toJSON(), state: record.state })
  )
  on(core.CredentialEventTypes.CredentialStateChanged, ({ credentialRecord: record }) =>
    tell('credentials', { ...record.toJSON(), state: record.state })
  )
  on(core.BasicMessageEventTypes.BasicMessageStateChanged, ({ basicMessageRecord: record }) =>
    tell('basicmessages', record.toJSON())
  )
  on(core.TrustPingEventTypes.TrustPingReceivedEvent, ({ message, connectionRecord }) =>
    tell('ping', { connectionId: connectionRecord.id, threadId: message.threadId, state: 'received' })
  )
  on(core.TrustPingEventTypes.TrustPingResponseReceivedEvent, ({ message, connectionRecord }) =>
    tell('ping', { connectionId: connectionRecord.id, threadId: message.threadId, state: 'response_received' })
  )
  on(core.AgentEventTypes.AgentMessageSent, ({ message: { message, connection }, status }) =>
    tell('sent', { message: message.toJSON(), connectionId: connection?.id, status })
  )
}

/** Out-of-band records whose requests are answered with did:peer:1 whatever the requester's DID is. */
const answeredWithPeer1 = new Set()

/**
 * Credo answers with the requester's own did:peer method, and with the method that it is configured for when the requester's
 * DID is not a did:peer. Nobody but Credo asks with did:peer:1, so to have its answer with one, its own code is shown a DID that is none.
 */
function answerWithPeer1() {
  const protocol = agent.dependencyManager.resolve(DidExchangeProtocol)
  const createResponse = protocol.createResponse.bind(protocol)
  protocol.createResponse = async (context, record, outOfBand, routing) => {
    if (!answeredWithPeer1.has(outOfBand.id)) return createResponse(context, record, outOfBand, routing)
    const theirs = record.theirDid
    record.theirDid = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
    settings().peerNumAlgoForDidExchangeRequests = core.PeerDidNumAlgo.GenesisDoc
    try {
      return await createResponse(context, record, outOfBand, routing)
    } finally {
      record.theirDid = theirs
      await agent.dependencyManager.resolve(core.ConnectionRepository).update(context, record)
    }
  }
}

function settings() {
  return agent.dependencyManager.resolve(ConnectionsModuleConfig)
}

const credentials = (id, rest) => ({ credentialRecordId: id, ...rest })
const formats = ({ detail, comment }) => ({ comment, credentialFormats: { jsonld: detail } })

/** The control API: `METHOD /path/{name}` to what it does. */
const routes = {
  'GET /status/ready': async () => ({ ready: true }),
  'POST /invitations': async (_, { multiUse, byDid, answer }) => {
    let invitationDid
    if (byDid) {
      const routing = await agent.mediationRecipient.getRouting({})
      const made = await agent.dids.create({
        method: 'peer',
        didDocument: core.createPeerDidDocumentFromServices([
          { id: '#inline-0', serviceEndpoint: routing.endpoints[0], recipientKeys: [routing.recipientKey], routingKeys: [] },
        ]),
        options: { numAlgo: byDid },
      })
      invitationDid = made.didState.did
    }
    const record = await agent.oob.createInvitation({ multiUseInvitation: multiUse, invitationDid })
    if (answer === 1) answeredWithPeer1.add(record.id)
    return { id: record.id, invitation: record.outOfBandInvitation.toJSON() }
  },
  'POST /invitations/receive': async (_, { invitation, method }) => {
    settings().peerNumAlgoForDidExchangeRequests = method
    const received = await agent.oob.receiveInvitation(core.OutOfBandInvitation.fromJson(invitation))
    return received.connectionRecord.toJSON()
  },
  'GET /connections/{id}': async ({ id }) => (await agent.connections.getById(id)).toJSON(),
  'GET /connections': async () => (await agent.connections.getAll()).map((record) => record.toJSON()),
  'POST /connections/{id}/ping': async ({ id }) => (await agent.connections.sendPing(id)).toJSON(),
  'POST /connections/{id}/message': async ({ id }, { content }) =>
    (await agent.basicMessages.sendMessage(id, content)).toJSON(),
  'POST /dids/key': async () => {
    const made = await agent.dids.create({ method: 'key', options: { keyType: core.KeyType.Ed25519 } })
    return { did: made.didState.did }
  },
  'POST /credentials/propose': async (_, body) =>
    agent.credentials.proposeCredential({ protocolVersion: 'v2', connectionId: body.connectionId, ...formats(body) }),
  'POST /credentials/{id}/negotiate-offer': async ({ id }, body) =>
    agent.credentials.negotiateOffer(credentials(id, formats(body))),
  'POST /credentials/{id}/negotiate-proposal': async ({ id }, body) =>
    agent.credentials.negotiateProposal(credentials(id, formats(body))),
  'POST /credentials/{id}/accept-proposal': async ({ id }) => agent.credentials.acceptProposal(credentials(id)),
  'POST /credentials/{id}/accept-offer': async ({ id }) => agent.credentials.acceptOffer(credentials(id)),
  'POST /credentials/{id}/accept-request': async ({ id }) => agent.credentials.acceptRequest(credentials(id)),
  'POST /credentials/{id}/accept-credential': async ({ id }) => agent.credentials.acceptCredential(credentials(id)),
  'GET /credentials/{id}': async ({ id }) => agent.credentials.getById(id),
  'GET /credentials/{id}/w3c': async ({ id }) => {
    const [bound] = (await agent.credentials.getById(id)).credentials
    const kept = await agent.w3cCredentials.getCredentialRecordById(bound.credentialRecordId)
    return core.JsonTransformer.toJSON(kept.credential)
  },
  'POST /verify': async (_, { credential }) => {
    const parsed = core.JsonTransformer.fromJSON(credential, core.W3cJsonLdVerifiableCredential)
    const verdict = await agent.w3cCredentials.verifyCredential({ credential: parsed })
    return { verified: verdict.isValid, error: verdict.error?.message }
  },
}

function find(method, asked) {
  for (const [route, action] of Object.entries(routes)) {
    const names = []
    const pattern = route.replace(/\{(\w+)\}/g, (_, name) => names.push(name) && '([^/]+)')
    const match = new RegExp(`^${pattern}$`).exec(`${method} ${asked}`)
    if (match) return [action, Object.fromEntries(names.map((name, index) => [name, match[index + 1]]))]
  }
  return []
}

const control = http.createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  try {
    const parts = []
    for await (const part of request) parts.push(part)
    const text = Buffer.concat(parts).toString()
    const [action, names] = find(request.method, new URL(request.url, 'http://localhost').pathname)
    if (!action) return answer(404, { error: 'no such call' })
    const result = await action(names, text ? JSON.parse(text) : {})
    answer(200, result?.toJSON ? result.toJSON() : result)
  } catch (failure) {
    answer(400, { error: `${failure?.message}`, stack: `${failure?.stack}` })
  }
})

async function main() {
  await agent.initialize()
  answerWithPeer1()
  watch()
  control.listen(Number(given['admin-port']), '127.0.0.1')
  process.on('SIGTERM', async () => {
    control.close()
    await agent.shutdown().catch(() => undefined)
    process.exit(0)
  })
}

main().catch((failure) => {
  console.error(`ERROR: ${failure?.stack}`)
  process.exit(1)
})
