/** Shown below the options of `sluice simulate bmw-cardata --help`. */
export const CARDATA_SCENARIO_HELP = `
The API and the login are under one address. A login is approved by following the link that it shows (with
&decision=deny it is refused), or by POST /_sim/control {"approve": true}.

Fields of a scenario, with what they are by default:
  seed 1, shiftMs 0, speed 1                cars are functions of seed, car and time; their time may run faster
  users [{email, password, gcid?}]          demo@example.com / demo
  cars 3, or [{vin?, brand, driveTrain, owner?, role, parked}]         BMW and MINI, of every drive train
  quota.callsPerDay 50, .window midnight|rolling, .day day|hour|minute, .dayMs (a day), .endsInMs,
       .countRefusedCalls true, .status 403|429, .statesWait false
  tokens.lifetimeSeconds 3600, .refreshLifetimeDays 14, .singleUse true
  login.clients [], .intervalSeconds 5, .slowDownSeconds 5, .expiresSeconds 300, .approveAfterPolls
  containers.max 10 (CU-124), .maxDescriptors 300 (CU-122)
  mappings array|object|wrapped, chargingPageSize 5, pageTokenField next_token|nextToken
  limits {calls-per-day: {count, per, ms}}
  faults [{kind, operation, account, count, probability, status, code, latencyMs, forMs}]; code is one of CarData's,
       e.g. CU-503; kinds: status, status-after-processing, quota, drop-before, drop-after-processing, latency,
       slow-body, garbage-body, truncated-body

While it runs: POST /_sim/control takes limits, addFaults, clearFaults, quota, nextReset, approve, deny, expireTokens,
revokeTokens, tokenLifetimeSeconds, dropContainers, mappings, quotaStatus, statesWait, shiftMs, resetLimits, resetLog.
GET /_sim/stats, /calls, /cars, /states, /containers, /codes and /descriptors list what there is.`;
