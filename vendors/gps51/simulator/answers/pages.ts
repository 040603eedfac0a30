/** What a test may know and a client of GPS51 may not: the true trips, the commands received, the tokens given. */
import type { AccountDesk } from '../accounts';
import type { CommandDesk } from '../commands';
import type { SimDevice } from '../fleet/fleet';
import { knownTrips, positionRecord, tripRecord, type World } from './answers';

export interface PageParts {
  readonly world: World;
  readonly devices: readonly SimDevice[];
  readonly accounts: AccountDesk;
  readonly commands: CommandDesk;
  /** The devices' time, epoch ms. */
  now(): number;
}

/**
 * `GET /_sim/devices` → every device with its behaviour; `group`, `expired`, `transitMs` included.
 * `GET /_sim/trips?from=&to=&device=&asOf=` → trips that touch [from, to] (epoch ms), of one device or all, as they
 * will be once over: the vendor's fields and `deviceid`, `visibleAt`, `late`, `final` (over and known at `asOf`,
 * default now). `GET /_sim/known-trips` with the same query → what `querytrips` returns at `asOf`.
 * `GET /_sim/positions?asOf=` → the newest position of each device that the vendor knows of.
 * `GET /_sim/commands?device=&code=` → `{commands, counts}`: each command received, and how often the same one was.
 * `GET /_sim/tokens` → `{issued: {username: n}, refused}`.
 */
export function gps51Pages(parts: PageParts): Record<string, (query: URLSearchParams) => unknown> {
  const { world, devices, accounts, commands } = parts;
  const chosen = (query: URLSearchParams): readonly SimDevice[] => {
    const id = query.get('device');
    const found = id === null ? devices : devices.filter((d) => d.id === id);
    if (found.length === 0) throw new RangeError(`device: there is no device ${id}`);
    return found;
  };
  const asOf = (query: URLSearchParams) => (query.has('asOf') ? numberIn(query, 'asOf') : parts.now());
  return {
    devices: () => devices,
    trips: (query) => {
      const [from, to, at] = [numberIn(query, 'from'), numberIn(query, 'to'), asOf(query)];
      return chosen(query).flatMap((device) =>
        world.motion.trips(device, from, to).map((trip) => ({
          deviceid: device.id,
          ...tripRecord(trip),
          visibleAt: trip.visibleAt,
          late: trip.late,
          final: at >= trip.visibleAt && at - device.transitMs >= trip.end,
        })),
      );
    },
    'known-trips': (query) => {
      const [from, to, at] = [numberIn(query, 'from'), numberIn(query, 'to'), asOf(query)];
      return chosen(query).flatMap((device) =>
        knownTrips(world, device, from, to, at).map((trip) => ({ deviceid: device.id, ...tripRecord(trip) })),
      );
    },
    positions: (query) =>
      chosen(query).flatMap((device) => {
        const point = world.motion.last(device, asOf(query));
        return point ? [positionRecord(world, device, point)] : [];
      }),
    commands: (query) => {
      const [deviceId, code] = [query.get('device'), query.get('code')];
      const filter = { ...(deviceId === null ? {} : { deviceId }), ...(code === null ? {} : { code }) };
      return { commands: commands.list(filter), counts: commands.counts() };
    },
    tokens: () => ({ issued: accounts.issuedByAccount(), refused: accounts.refused }),
  };
}

function numberIn(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  const value = Number(text);
  if (text === null || text === '' || !Number.isFinite(value)) {
    throw new RangeError(`${name}: "${text ?? ''}" is not a number of epoch milliseconds`);
  }
  return value;
}
