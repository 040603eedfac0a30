/** The commands of `sluice`. */
import { Command } from 'commander';
import { addApi } from './api';
import { addBatch } from './batches/batch';
import { addCodecServer } from './codec-server';
import { addBackfill } from './datasets/backfill';
import { addCoverage } from './datasets/coverage';
import { addPlan } from './datasets/plan';
import { addSync } from './datasets/sync';
import { addWindows } from './datasets/windows';
import { addExplain } from './explain';
import { addDeviceCommand } from './fleet/device-command';
import { addUserAuth } from './fleet/user-auth';
import { addKeys } from './keys';
import { addLogin } from './login';
import { addMachine } from './machine';
import { addPolling } from './polling/polling';
import { addLimits } from './pools/limits';
import { addPools } from './pools/pools';
import { addPrune } from './prune';
import { addStatus } from './status';
import { addStreams } from './streams';
import { addSettings, addVault } from './vault';
import { addVehicles } from './vehicles/vehicles';
import { addVendorTest } from './vendor-test';

/** @param onCommand called with the command, before it acts. */
export function createProgram(onCommand: (command: Command) => void = () => undefined): Command {
  const program = new Command('sluice')
    .description('Calls vendor APIs within their quotas, and keeps their data complete.')
    .option('--settings <file>', 'settings file (default: SLUICE_SETTINGS, else ./sluice.yaml)')
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .hook('preAction', (_, action) => onCommand(action));
  addMachine(program);
  addApi(program);
  addStatus(program);
  addBackfill(program);
  addPlan(program);
  addBatch(program);
  addSync(program);
  addDeviceCommand(program);
  addUserAuth(program);
  addVehicles(program);
  addPolling(program);
  addLogin(program);
  addStreams(program);
  addCoverage(program);
  addWindows(program);
  addPools(program);
  addLimits(program);
  addExplain(program);
  addPrune(program);
  addVault(program);
  addKeys(program);
  addCodecServer(program);
  addSettings(program);
  addVendorTest(program);
  return program;
}
