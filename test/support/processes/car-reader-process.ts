/** Run as a child process: reads a car once for each message that names the read (`state`; `state now`), and sends the answer. */
import { createPool } from '../../../store/db';
import { carReads } from '../vendors/car-vendor';

export interface CarReaderOptions {
  readonly databaseUrl: string;
  readonly url: string;
  readonly account: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as CarReaderOptions;
const db = createPool(options.databaseUrl, { max: 4 });
const { reads } = carReads(db, options.url, options.account);
process.on('message', (message) => {
  const [read = '', now] = String(message).split(' ');
  reads.read({ account: options.account, vehicleId: 'A1', read, ...(now && { maxAgeMs: 0 }) }).then(
    (served) => process.send?.({ servedFrom: served.servedFrom, stale: served.stale }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
void db.query('select 1').then(() => process.send?.('ready'));
