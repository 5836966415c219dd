// Preloaded into a program that knows nothing of tests (`node --import`): whatever it serves, it
// serves on a free port of the loopback interface, which is printed; it ends with standard input.

import { Server } from "node:net";

const say = process.stdout.write.bind(process.stdout);
const { listen } = Server.prototype;

Server.prototype.listen = function (_port, ...rest) {
  this.once("listening", () => say(`http://127.0.0.1:${this.address().port}\n`));
  return listen.call(this, { host: "127.0.0.1", port: 0 }, ...rest);
};
process.stdout.write = () => true; // Nobody reads on, and a full pipe would stop the program.
process.stdin.on("end", () => process.exit()).resume();
