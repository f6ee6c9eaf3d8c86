// An agent on @elastic/opamp-client-node. `node client.js URL AUTHORIZATION`: prints a line of JSON for each
// exchange, with the instance_uid before and after, and ends after two of them.
const { subscribe } = require("node:diagnostics_channel");
const opamp = require("@elastic/opamp-client-node");

const [endpoint, authorization] = process.argv.slice(2);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const client = opamp.createOpAMPClient({
  endpoint,
  headers: { Authorization: authorization },
  heartbeatIntervalSeconds: 0.2,
  diagEnabled: true,
});

const end = (code) => client.shutdown().then(() => process.exit(code));
setTimeout(() => end(1), 10000); // The client's own timers do not keep the process alive.

let exchanges = 0;
subscribe(opamp.DIAG_CH_SEND_SUCCESS, ({ a2s, s2a }) => {
  const error = s2a.errorResponse ? s2a.errorResponse.errorMessage : null;
  console.log(JSON.stringify({ sent_as: hex(a2s.instanceUid), now: hex(client.getInstanceUid()), error }));
  if (++exchanges === 2) end(0);
});
subscribe(opamp.DIAG_CH_SEND_FAIL, ({ err }) => {
  console.log(JSON.stringify({ error: String(err) }));
  end(1);
});

client.setAgentDescription({ identifyingAttributes: { "service.name": "node-agent" } });
client.start();
