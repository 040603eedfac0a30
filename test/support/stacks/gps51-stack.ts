/** Sluice beside a GPS51 simulator: see core-stack.ts. */
import { type FleetAccount, findFleetAccount } from '../../../settings/accounts/fleet';
import { createCommand } from '../../../store/commands/commands';
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../../vendors/gps51/simulator';
import type { CommandInput } from '../../../workflows/commands/command';
import { type CoreStack, startCore } from './core-stack';
import { STEADY_ZONE } from './due-hours';
import { uniqueName } from './embedded';

export const FLEET_PASSWORD = 'fleet-secret';
export const COMMAND_PASSWORD = 'command-secret';

/** GPS51's limits, quick enough for a test. */
export const QUICK_GPS51 = {
  spacing: { ms: 5 },
  'per-second': { count: 100 },
  'ip-per-minute': { count: 500 },
} as const;

export interface Gps51StackOptions {
  readonly scenario?: Gps51ScenarioInput;
  /** Keys of the vault, newest first, instead of the tests' own. */
  readonly key?: string;
  /** Keys of the account. */
  readonly account?: Record<string, unknown>;
  /** Keys of the settings. */
  readonly settings?: Record<string, unknown>;
  /** Other accounts beside it, by name. */
  readonly accounts?: Record<string, unknown>;
  /** Entries of `datasets`, without the account. */
  readonly datasets?: readonly Record<string, unknown>[];
}

export interface Gps51Stack extends CoreStack {
  readonly account: string;
  readonly pool: string;
  readonly fleet: FleetAccount;
  readonly simulator: Gps51Simulator;
}

function startVendor({ scenario }: Gps51StackOptions): Promise<Gps51Simulator> {
  return startGps51Simulator({
    ...scenario,
    limits: { ...QUICK_GPS51, ...scenario?.limits },
    days: { zone: STEADY_ZONE, ...scenario?.days },
    fleet: { offlineShare: 0, expiredShare: 0, ...scenario?.fleet },
    commands: {
      password: COMMAND_PASSWORD,
      confirmMs: { min: 5, max: 30 },
      slowShare: 0,
      ...scenario?.commands,
    },
  });
}

export async function startGps51Stack(options: Gps51StackOptions = {}): Promise<Gps51Stack> {
  const account = uniqueName('fleet');
  const { vendor: simulator, ...core } = await startCore({
    name: 'gps51',
    env: {
      TEST_FLEET_PASSWORD: FLEET_PASSWORD,
      TEST_COMMAND_PASSWORD: COMMAND_PASSWORD,
      ...(options.key !== undefined && { SLUICE_VAULT_KEY: options.key }),
    },
    startVendor: () => startVendor(options),
    settings: ({ baseUrl }) => ({
      log: { level: 'debug' },
      ...options.settings,
      accounts: {
        ...options.accounts,
        [account]: {
          vendor: 'gps51',
          baseUrl,
          username: 'fleet',
          password: 'env:TEST_FLEET_PASSWORD',
          commandPassword: 'env:TEST_COMMAND_PASSWORD',
          egressIp: uniqueName('ip'),
          zone: STEADY_ZONE,
          limits: QUICK_GPS51,
          ...options.account,
        },
      },
      datasets: (options.datasets ?? []).map((dataset) => ({ ...dataset, account })),
    }),
  });
  return {
    ...core,
    account,
    pool: `gps51/${account}`,
    fleet: findFleetAccount(core.settings, account),
    simulator,
  };
}

/** A stored command to the first device, which waits while the pool is closed: the input of its workflow. */
export async function storeWaitingCommand({ simulator, db, account }: Gps51Stack): Promise<CommandInput> {
  const [device] = (await (await fetch(`${simulator.url}/_sim/devices`)).json()) as { id: string }[];
  const wanted = {
    ...{ account, device: device?.id ?? '', code: 'LOCATE' },
    ...{ repeatable: false, timeoutMs: 60_000, waitForPool: true },
  };
  const { command } = await createCommand(db, {
    ...wanted,
    requestId: null,
    params: [],
    askedBy: 'a test',
  });
  return { commandId: command.id, ...wanted };
}
