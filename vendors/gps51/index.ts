/** GPS51's open API, as a vendor. */
import { fleetVehicles } from '../capabilities/fleet-vehicles';
import { defineVendor } from '../define';
import { FLEET_DATASETS } from '../fleet-datasets';
import { gps51Commands, gps51EndUsers, gps51Fleet, gps51Login } from './calls';
import { GPS51_DEVICES_A_CALL, GPS51_ZONE } from './limits';
import { gps51Rules } from './rules';
import { gps51AccountSchema } from './settings';
import { GPS51_SCENARIO_HELP } from './simulator-help';

export const gps51 = defineVendor({
  rules: gps51Rules(GPS51_ZONE),
  account: gps51AccountSchema,
  datasets: FLEET_DATASETS,
  parts: (account) => ({
    login: gps51Login(account),
    fleet: gps51Fleet(account),
    requests: { baseUrl: account.baseUrl, authorize: gps51Fleet(account).authorize },
    commands: gps51Commands(account),
    endUsers: gps51EndUsers(account),
    vehicles: fleetVehicles(gps51Fleet(account), GPS51_DEVICES_A_CALL),
    rules: gps51Rules(account.zone),
  }),
  simulator: async () => (await import('./simulator/index.js')).gps51Simulator,
  simulatorHelp: GPS51_SCENARIO_HELP,
  example: {
    settings: { username: 'fleet', password: 'env:GPS51_PASSWORD' },
    secrets: { GPS51_PASSWORD: 'fleet-secret' },
    command: { code: 'stop' },
  },
});
