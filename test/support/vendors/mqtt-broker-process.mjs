/** A real MQTT broker on loopback, in a process of its own: aedes is a module that jest does not load. */
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

let accepts = process.argv[3] !== 'refuse';
let cuts = false;
const send = (message) => process.send?.(message);
const aedes = await Aedes.createBroker({
  authenticate: (_client, username, password, done) => {
    const entry = { username: username ?? '', password: password?.toString() ?? '' };
    send({ [accepts ? 'entered' : 'refused']: entry });
    if (accepts) done(null, true);
    else done(Object.assign(new Error('not authorized'), { returnCode: 5 }), null);
  },
});
for (const event of ['client', 'clientDisconnect'])
  aedes.on(event, () => send({ connections: aedes.connectedClients }));
aedes.on('subscribe', (_subscriptions, client) => {
  if (cuts) client?.close();
});
process.on('message', (message) => {
  if ('cuts' in message) cuts = message.cuts;
  if ('accepts' in message) accepts = message.accepts;
  if ('publish' in message) {
    const { topic, payload } = message.publish;
    aedes.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, dup: false, retain: false },
      () => send({ published: topic }),
    );
  }
});
process.on('disconnect', () => process.exit(0));
const server = createServer((socket) => {
  socket.on('error', () => undefined);
  aedes.handle(socket);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => send({ port: server.address().port }));
