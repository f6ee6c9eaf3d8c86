// @elastic/mockopampserver on a free port of 127.0.0.1, without a log: prints its URL when it listens.
const { MockOpAMPServer } = require("@elastic/mockopampserver");

const server = new MockOpAMPServer({ hostname: "127.0.0.1", port: 0, logLevel: "fatal" });
process.on("SIGTERM", () => process.exit(0));
server.start().then(() => console.log(server.endpoint));
