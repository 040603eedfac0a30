/** For accounts that track a fleet: answers reads from what their syncs have stored. */
import type { Pool } from 'pg';
import type { VehicleAccount } from '../../settings/accounts/vehicles';
import { takeOverAnswer } from '../../store/reads/answers';
import { devicesSince, positionSince } from '../../store/reads/fleet-feed';
import type { ReadKey } from '../../store/reads/reads';
import { takeOverVehicles } from '../../store/reads/vehicles';
import { deviceVehicle, POSITION_READ, positionAnswer } from '../../vendors/capabilities/fleet-vehicles';
import type { Lookup } from './lookups';

export class FleetFeeds {
  constructor(private readonly db: Pool) {}

  ofRead({ name, parts }: VehicleAccount, { read, vehicleId }: ReadKey): Lookup['takeOver'] {
    if (parts.fleet === undefined || read !== POSITION_READ) return undefined;
    return async ({ id, answeredAt }) => {
      const found = await positionSince(this.db, name, vehicleId, answeredAt);
      if (found === null) return;
      const answer = found.position === null ? { values: {} } : positionAnswer(found.position);
      await takeOverAnswer(this.db, id, answer, found.at);
    };
  }

  ofList({ name, parts }: VehicleAccount): Lookup['takeOver'] {
    if (parts.fleet === undefined) return undefined;
    return async ({ id, answeredAt }) => {
      const found = await devicesSince(this.db, name, answeredAt);
      if (found === null) return;
      await takeOverVehicles(this.db, id, name, found.devices.map(deviceVehicle), found.at);
    };
  }
}
