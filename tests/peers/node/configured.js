// An agent on @elastic/opamp-client-node that applies what it is offered: `node configured.js URL AUTHORIZATION`
// prints each configuration as a line of JSON, and ends after the second.
const opamp = require("@elastic/opamp-client-node");

const [endpoint, authorization] = process.argv.slice(2);
let offers = 0;
const client = opamp.createOpAMPClient({
  endpoint,
  headers: { Authorization: authorization },
  heartbeatIntervalSeconds: 0.2,
  capabilities:
    BigInt(opamp.AgentCapabilities.AgentCapabilities_AcceptsRemoteConfig) |
    BigInt(opamp.AgentCapabilities.AgentCapabilities_ReportsRemoteConfig),
  onMessage: ({ remoteConfig }) => {
    if (!remoteConfig) return;
    const files = Object.entries(remoteConfig.config.configMap);
    console.log(JSON.stringify(Object.fromEntries(files.map(([name, file]) => [name, Buffer.from(file.body).toString()]))));
    client.setRemoteConfigStatus({
      lastRemoteConfigHash: remoteConfig.configHash,
      status: opamp.RemoteConfigStatuses.RemoteConfigStatuses_APPLIED,
    });
    if (++offers === 2) setTimeout(() => client.shutdown().then(() => process.exit(0)), 1500);
  },
});
setTimeout(() => process.exit(1), 15000); // The client's own timers do not keep the process alive.

client.setAgentDescription({ identifyingAttributes: { "service.name": "node-agent" } });
client.start();
