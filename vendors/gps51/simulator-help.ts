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
/commands and /tokens list what there was.`;
