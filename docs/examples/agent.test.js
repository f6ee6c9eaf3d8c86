// A test of an agent on @elastic/opamp-client-node: `node --test agent.test.js`.
const assert = require("node:assert");
const { test } = require("node:test");
const opamp = require("@elastic/opamp-client-node");

const URL = process.env.OPAMP_URL ?? "http://127.0.0.1:4320/v1/opamp";
const CONTROL = URL.replace("/v1/opamp", "/control");

async function ask(method, path, body) {
  const response = await fetch(CONTROL + path, { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert(response.ok, text);
  return text && JSON.parse(text);
}

// Returns the first message that matches, and waits for it if it has not come.
async function expect(query) {
  const { messages } = await ask("GET", `/messages?within=10&${query}`);
  assert(messages.length > 0, `no message with ${query}`);
  return messages[0];
}

function startAgent() {
  const client = opamp.createOpAMPClient({
    endpoint: URL,
    heartbeatIntervalSeconds: 0.2,
    capabilities:
      BigInt(opamp.AgentCapabilities.AgentCapabilities_AcceptsRemoteConfig) |
      BigInt(opamp.AgentCapabilities.AgentCapabilities_ReportsRemoteConfig),
    onMessage: ({ remoteConfig }) => {
      if (!remoteConfig) return;
      client.setRemoteConfigStatus({
        lastRemoteConfigHash: remoteConfig.configHash,
        status: opamp.RemoteConfigStatuses.RemoteConfigStatuses_APPLIED,
      });
    },
  });
  client.setAgentDescription({ identifyingAttributes: { "service.name": "example" } });
  client.start();
  return client;
}

test("an agent applies its offer, and reconnects", async () => {
  await ask("POST", "/reset");
  const agent = startAgent();
  try {
    const first = await expect("has=agent_description");
    const uid = first.instance_uid;

    const body = Buffer.from("logs: debug").toString("base64");
    await ask("PUT", `/agents/${uid}/remote_config`, { config_map: { "main.yaml": { body } } });
    const told = await expect(`agent=${uid}&has=remote_config_status&after=${first.number}`);
    assert.equal(told.received.remote_config_status.status, "RemoteConfigStatuses_APPLIED");

    await ask("DELETE", "/connections");
    const { newest } = await ask("GET", "/messages?limit=1");
    await expect(`agent=${uid}&after=${newest}`);
  } finally {
    await agent.shutdown();
  }
});
