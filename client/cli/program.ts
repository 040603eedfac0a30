/** The commands of `sluice`. */
import { Command } from 'commander';
import { addKeys } from './access/keys';
import { addLogin } from './access/login';
import { addSettings, addVault } from './access/vault';
import { addBatch } from './batches/batch';
import { addBackfill } from './datasets/backfill';
import { addCoverage } from './datasets/coverage';
import { addPlan } from './datasets/plan';
import { addSync } from './datasets/sync';
import { addWindows } from './datasets/windows';
import { addExplain } from './explain';
import { addDeviceCommand } from './fleet/device-command';
import { addUserAuth } from './fleet/user-auth';
import { addPolling } from './polling/polling';
import { addLimits } from './pools/limits';
import { addPools } from './pools/pools';
import { addApi } from './processes/api';
import { addCodecServer } from './processes/codec-server';
import { addMachine } from './processes/machine';
import { addStatus } from './processes/status';
import { addVendorTest } from './processes/vendor-test';
import { addPrune } from './prune';
import { addStreams } from './streams';
import { addVehicles } from './vehicles/vehicles';

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
