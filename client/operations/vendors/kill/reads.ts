/**
 * Reads of vehicles as work: as many as the simulator answers, paged ones with a call for each page, and those of which
 * one call answers many.
 */
import { knownReads, pagesUnderWay } from '../../../../store/reads/known';
import { storedVehicles } from '../../../../store/reads/vehicles';
import type { ServedSample, Wire } from '../../../../vendors/conformance/wire';
import { refreshVehicles } from '../../vehicles/vehicles';
import type { KillBench, ReadPiece, Work } from './work';

const READS = 8;
/** With fewer there is no middle. */
const FEWEST = 3;
const BEFORE = 2;

/** @param token what the wire's calls carry. */
export async function readWorks(bench: KillBench, wire: Wire, token: string): Promise<Work[]> {
  const { account, parts, backend, db } = bench;
  if (parts.vehicles === undefined) return [];
  await refreshVehicles(backend, { account });
  const vehicles = (await storedVehicles(db, [account])).filter(({ readable }) => readable);
  const ids = vehicles.map(({ vehicleId }) => vehicleId);
  return [await singleWork(bench, wire, token, ids), togetherWork(bench, ids)].filter(
    (work) => work !== null,
  );
}

/** Reads of which each takes calls of its own. */
async function singleWork(
  bench: KillBench,
  wire: Wire,
  token: string,
  ids: readonly string[],
): Promise<Work | null> {
  const { account, db } = bench;
  const served = await wire.servedReads(ids, token, READS);
  if (served.length < FEWEST) return null;
  const reads = served.map(({ vehicleId, read }): ReadPiece => ({ account, vehicleId, read }));
  const middle = middleOf(served);
  return {
    name: 'reads of vehicles',
    pieces: 'reads',
    wanted: reads.length,
    calls: sum(served.map(({ pages }) => pages)),
    operations: [...new Set(served.map((one) => one.operation))],
    hold: middle,
    once: false,
    reads,
    done: async () => (await answeredReads(bench, served)).length,
    answered: async () => {
      const whole = await answeredReads(bench, served);
      return sum(whole.map(({ pages }) => pages)) + (await pagesUnderWay(db, account));
    },
  };
}

/** The first read of which one call answers several vehicles, of all vehicles: where one call is enough, its answer is lost. */
function togetherWork(bench: KillBench, ids: readonly string[]): Work | null {
  const { account, parts } = bench;
  const read = parts.vehicles?.reads.find(({ together }) => together !== undefined);
  if (read === undefined || ids.length < FEWEST) return null;
  const { name, operation, together = 1 } = read;
  const pieces = ids.map((vehicleId) => ({ vehicleId, read: name, operation, pages: 1 }));
  const calls = (answers: number) => Math.ceil(answers / together);
  const done = async () => (await answeredReads(bench, pieces)).length;
  return {
    name: `reads of vehicles together (${name})`,
    pieces: 'reads',
    wanted: ids.length,
    calls: calls(ids.length),
    operations: [operation],
    hold: { operation, skip: calls(ids.length) < FEWEST ? 0 : 1 },
    once: false,
    reads: ids.map((vehicleId) => ({ account, vehicleId, read: name })),
    done,
    answered: async () => calls(await done()),
  };
}

/**
 * As the process that reads goes through them, what comes first is answered; of a read with pages, its first page is,
 * and what has come of it must not be paid for again.
 */
function middleOf(served: readonly ServedSample[]): Work['hold'] {
  const paged = served.findIndex(({ pages }, i) => i >= BEFORE && pages > 1);
  const held = paged < 0 ? BEFORE : paged;
  const { operation = '' } = served[held] ?? {};
  const before = served.slice(0, held).filter((one) => one.operation === operation);
  return { operation, skip: sum(before.map(({ pages }) => pages)) + (paged < 0 ? 0 : 1) };
}

/** Those that are there whole. */
async function answeredReads(
  { account, db }: KillBench,
  served: readonly ServedSample[],
): Promise<readonly ServedSample[]> {
  const vehicles = [...new Set(served.map(({ vehicleId }) => vehicleId))];
  const known = await Promise.all(
    vehicles.map(async (vehicleId) =>
      (await knownReads(db, account, vehicleId))
        .filter(({ answeredAt }) => answeredAt !== null)
        .map(({ read }) => JSON.stringify([vehicleId, read])),
    ),
  );
  const answered = new Set(known.flat());
  return served.filter(({ vehicleId, read }) => answered.has(JSON.stringify([vehicleId, read])));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
