/** Reads of vehicles as work: as many as the simulator answers whole, with one call each. */
import { knownReads } from '../../../../store/reads/known';
import { storedVehicles } from '../../../../store/reads/vehicles';
import type { Wire } from '../../../../vendors/conformance/wire';
import { refreshVehicles } from '../../vehicles/vehicles';
import type { KillBench, ReadPiece, Work } from './work';

const READS = 8;
/** With fewer there is no middle. */
const FEWEST = 3;
const BEFORE = 2;

/** @param token what the wire's calls carry. */
export async function readWork(bench: KillBench, wire: Wire, token: string): Promise<Work | null> {
  const { account, parts, backend, db } = bench;
  if (parts.vehicles === undefined) return null;
  await refreshVehicles(backend, { account });
  const vehicles = (await storedVehicles(db, [account])).filter(({ readable }) => readable);
  const ids = vehicles.map(({ vehicleId }) => vehicleId);
  const served = await wire.servedReads(ids, token, READS);
  if (served.length < FEWEST) return null;
  const reads = served.map(({ vehicleId, read }): ReadPiece => ({ account, vehicleId, read }));
  // As the process that reads goes through them: what comes first is answered.
  const held = served[BEFORE];
  const { operation = '' } = held ?? {};
  return {
    name: 'reads of vehicles',
    pieces: 'reads',
    wanted: reads.length,
    operations: [...new Set(served.map((one) => one.operation))],
    hold: {
      operation,
      skip: served.slice(0, BEFORE).filter((one) => one.operation === operation).length,
    },
    once: false,
    reads,
    done: async () => {
      const known = await Promise.all(
        [...new Set(reads.map(({ vehicleId }) => vehicleId))].map(async (vehicleId) =>
          (await knownReads(db, account, vehicleId)).map(({ read, answeredAt }) => ({
            vehicleId,
            read,
            answeredAt,
          })),
        ),
      );
      const answered = known.flat().filter(({ answeredAt }) => answeredAt !== null);
      return reads.filter(({ vehicleId, read }) =>
        answered.some((one) => one.vehicleId === vehicleId && one.read === read),
      ).length;
    },
  };
}
