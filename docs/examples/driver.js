// A driver for an agent on @elastic/opamp-client-node: `opamp-conformance run --driver 'node driver.js'`.
const { createInterface } = require("node:readline");
const { createOpAMPClient } = require("@elastic/opamp-client-node");

let client = null;
let timer = null;

const verbs = {
  start: ({ url }) => {
    client = createOpAMPClient({ endpoint: url, heartbeatIntervalSeconds: 1 });
    client.setAgentDescription({ identifyingAttributes: { "service.name": "node-agent" } });
    client.start();
    timer = setInterval(() => {}, 1000); // The client's own timers do not keep the process alive.
  },
  stop: async () => {
    clearInterval(timer);
    if (client) await client.shutdown();
    client = null;
  },
  describe: ({ attributes }) =>
    client.setAgentDescription({
      identifyingAttributes: { "service.name": "node-agent" },
      nonIdentifyingAttributes: attributes,
    }),
};

const say = (line) => console.log(JSON.stringify(line));

say({ verbs: Object.keys(verbs) });
createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, verb, ...fields } = JSON.parse(line);
    try {
      await verbs[verb](fields);
      say({ id, ok: true });
    } catch (error) {
      say({ id, ok: false, error: String(error) });
    }
  })
  .on("close", () => verbs.stop());
