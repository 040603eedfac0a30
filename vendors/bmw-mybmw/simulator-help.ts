/** Shown below the options of `sluice simulate bmw-mybmw --help`. */
export const MYBMW_SCENARIO_HELP = `
The login and the services are under one address; any captcha token is taken. A user agent of the form
<build>;<brand>;<version>;<region> asks for one brand's cars, any other for all.

Fields of a scenario, with what they are by default:
  seed 1, shiftMs 0, speed 1                cars are functions of seed, car and time; their time may run faster
  users [{email, password, gcid?}]          demo@example.com / demo
  cars 5, or [{vin?, brand, driveTrain, owner?, role, parked}]         BMW, MINI and TOYOTA, of every drive train
  quota.calls 1000, .everyMs (a day), .endsInMs, .countRefusedCalls false, .form message|reason|text, .statesWait true
       of each user agent
  rate.calls 300, .ms 60000                 of each user agent, refused with 429
  tokens.lifetimeSeconds 28799, .refreshLifetimeDays 14, .singleUse true
  login.clientId, .clientSecret, .captchaOnce false, .expiresSeconds 300
  requireHeaders true, blocked []           correlation ids and so on; user agents that are answered with 489
  commands.pendingMs, .deliveredMs, .executedMs, .slowShare, .slowMs, .outcomes [{vin, command, status, afterMs, count}]
  limits {name: {count, everyMs, ms}} of user-agent-per-day, user-agent-rate
  faults [{kind, operation, account, count, probability, status, code, latencyMs, forMs}]; codes: quota, quota-long,
       quota-reason, quota-unknown, rate-limit, rate-limit-minutes, blocked, unauthorized, forbidden, internal, page,
       invalid_grant, invalid_client; kinds as of the other simulators

While it runs: POST /_sim/control takes limits, addFaults, clearFaults, quota, nextReset, expireTokens, revokeTokens,
tokenLifetimeSeconds, blocked, commandOutcomes, clearCommandOutcomes, quotaForm, statesWait, shiftMs, resetLimits,
resetLog. GET /_sim/stats, /calls, /cars, /states and /commands list what there is.`;
