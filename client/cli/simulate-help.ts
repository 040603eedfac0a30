/** The `--help` texts of simulated vendors and of the demo: text only, so that it loads at once. */

/** Shown below the options of `sluice simulate gps51 --help`. */
export const GPS51_SCENARIO_HELP = `
POST JSON to <url>/openapi?action=…&token=…&serverid=…; log in as fleet / fleet-secret, or as the end user
driver / driver-secret (passwords go as MD5 in hex):
  curl -d '{"type":"USER","from":"web","username":"fleet","password":"'$(printf fleet-secret | md5sum | cut -c-32)'"}' \\
    'http://127.0.0.1:<port>/openapi?action=login'

Fields of a scenario, with what they are by default:
  seed 1, shiftMs 0                         devices and their trips are functions of seed, device and time
  accounts [{username, password, groups?, devices?, chargedTo?}]       who may log in, and what each sees
  fleet.devices 24, .groups 3, .cycleMinutes 60, .movingReportSeconds 10, .parkedReportSeconds 300,
       .parkedShare, .offlineShare, .expiredShare, .lateShare, .lateMinutes 60, .codeLikeStatusShare
  tokens.lifetimeSeconds 86400, .single false
  rules.ipPerMinute 10, .accountBase 1440, .accountPerDevice 5, .trajectoryPerDay 5, .trajectoryShared false,
       .whitelistPerDay 5, .fast judged|enforced (5 a second and 200 ms apart), .countRefusedCalls false
  limits {name: {count, ms, per, zone, enforced}} of ip-per-minute, per-second, spacing, account-per-day,
       device-action-per-day, device-trajectory-per-day, whitelist-per-day
  days.zone Asia/Shanghai, .per day|hour|minute, .endsInMs        when days end; a day that ends soon
  missingActions [], e.g. [sendcmd]         a white-labelled platform without them (8901)
  whitelist, suspended                      addresses that may call (8904), accounts that may not (8903)
  ipHeader x-forwarded-for                  names the caller's address in place of the connection's
  commands.password, .confirmMs, .slowShare, .slowMs, .timeoutMs, .outcomes [{device, command, result, afterMs, count}]
  errors [{code, action, account, count, skip, forMs, afterwards}]     the vendor's codes, e.g. 9903 three times
  faults [{kind, operation, account, count, probability, status, latencyMs, forMs}]; kinds: status, quota,
       drop-before, drop-after-processing, latency, slow-body, garbage-body, truncated-body

While it runs: POST /_sim/control takes limits, addErrors, addFaults, clearErrors, clearFaults, nextReset, suspend,
restore, expireTokens, forgetTokens, tokenLifetimeSeconds, commandOutcomes, commands, missingActions, whitelist,
shiftMs, resetLimits, resetLog. GET /_sim/stats, /calls, /devices, /trips?from=&to=, /known-trips, /positions,
/commands and /tokens tell what there was.`;

/** Shown below the options of `sluice simulate bmw-cardata --help`. */
export const CARDATA_SCENARIO_HELP = `
The API and the login are under one address. A login is approved by following the link that it shows (with
&decision=deny it is refused), or by POST /_sim/control {"approve": true}.

Fields of a scenario, with what they are by default:
  seed 1, shiftMs 0, speed 1                cars are functions of seed, car and time; their time may run faster
  users [{email, password, gcid?}]          demo@example.com / demo
  cars 3, or [{vin?, brand, driveTrain, owner?, role, parked}]         BMW and MINI, of every drive train
  quota.callsPerDay 50, .window midnight|rolling, .day day|hour|minute, .dayMs 86400000, .endsInMs,
       .countRefusedCalls true, .status 403|429, .statesWait false
  tokens.lifetimeSeconds 3600, .refreshLifetimeDays 14, .singleUse true
  login.clients [], .intervalSeconds 5, .slowDownSeconds 5, .expiresSeconds 300, .approveAfterPolls
  containers.max 10 (CU-124), .maxDescriptors 300 (CU-122)
  mappings array|object|wrapped, chargingPageSize 5, pageTokenField next_token|nextToken
  limits {account-per-day: {count, per, ms}}
  faults [{kind, operation, account, count, probability, status, code, latencyMs, forMs}]; code is one of CarData's,
       e.g. CU-503; kinds: status, status-after-processing, quota, drop-before, drop-after-processing, latency,
       slow-body, garbage-body, truncated-body

While it runs: POST /_sim/control takes limits, addFaults, clearFaults, quota, nextReset, approve, deny, expireTokens,
revokeTokens, tokenLifetimeSeconds, dropContainers, mappings, quotaStatus, statesWait, shiftMs, resetLimits, resetLog.
GET /_sim/stats, /calls, /cars, /states, /containers, /codes and /descriptors tell what there is.`;

/** Shown below the options of `sluice demo gps51 --help`. */
export const FLEET_DEMO_HELP = `
The six functions: positions and trips by their schedules, a backfill of tracks, logins, checks of an end user, and
commands. Where the settings have an account of gps51, its base URL is called, and within its own limits: commands are
then sent only with --commands, and an end user is checked only with --end-user. Otherwise everything runs against a
simulator, in a state folder that is removed at the end, with six seconds for a minute of the vendor's and a minute for
a device's day.`;
