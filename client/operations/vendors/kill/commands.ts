/** Commands to a few devices or vehicles as work. */
import { listCommands } from '../../../../store/commands/commands';
import type { CommandsApi } from '../../../../vendors/capabilities/commands';
import type { VendorExample } from '../../../../vendors/define';
import { sendCommand } from '../../fleet/device-commands';
import type { KillBench, Work } from './work';

const DEVICES = 3;

/** Null where the vendor takes no commands, or nobody says which one its devices understand. */
export function commandWork(bench: KillBench, devices: readonly string[]): Work | null {
  const { vendor, account, parts, backend, db } = bench;
  const { commands } = parts;
  const chosen = devices.slice(0, DEVICES);
  const [device] = chosen;
  const command = commands && sample(commands, vendor.example);
  if (commands === undefined || command === undefined || device === undefined) return null;
  const { code, params = [] } = command;
  const operations = commands.forms.map((form) => form.operation({ deviceId: device, code, params }));
  const [operation = ''] = operations;
  return {
    name: `the command ${code}`,
    pieces: 'commands',
    wanted: chosen.length,
    operations: [...new Set(operations)],
    hold: { operation, skip: 1 },
    once: true,
    start: async () => {
      for (const one of chosen) {
        await sendCommand(backend, { vendor: vendor.id, account, device: one, code, params: [...params] });
      }
    },
    // That nobody knows what became of one is an end, too: the vendor never said.
    done: async () =>
      (await listCommands(db, { account, limit: DEVICES })).filter(({ endedAt }) => endedAt !== null).length,
  };
}

/** One that is not sent twice, of those that the vendor has; else the example's. */
function sample({ known }: CommandsApi, example: VendorExample | null): VendorExample['command'] {
  const described = known?.find(({ repeat }) => repeat === 'never');
  return example?.command ?? (described && { code: described.code });
}
