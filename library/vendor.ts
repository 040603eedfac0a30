/**
 * `sluice/vendor`: what a vendor's folder provides, for vendors that live outside of this repository: rules and verdicts,
 * the small contracts of what an account can do, and the check of both.
 */
export type {
  Charge,
  LimitInstance,
  LimitTemplate,
  LimitWindow,
  Priority,
  Reserve,
} from '../quota/limits/limit';
export type { PoolPolicy } from '../quota/pools/pool';
export type { BackoffPolicy, RetryPolicies } from '../quota/retry-delay';
export type { Evidence, Verdict } from '../quota/verdict';
export { parseRetryAfter, parseWaitText } from '../quota/waits';
export type { CommandsApi } from '../vendors/capabilities/commands';
export type { EndUsersApi } from '../vendors/capabilities/end-users';
export type { FleetApi } from '../vendors/capabilities/fleet';
export type { LoginApi } from '../vendors/capabilities/login';
export type {
  Partition,
  ReportApi,
  ReportDocument,
  ReportRequest,
  ReportStatus,
} from '../vendors/capabilities/reports';
export type { TextBatchApi } from '../vendors/capabilities/text-batches';
export type { TextApi, TextJob, TextRequest } from '../vendors/capabilities/texts';
export { checkRules } from '../vendors/conformance/rules';
export type {
  CallAttribute,
  CallInfo,
  CallResult,
  LearnedLimit,
  TransportError,
  VendorResponse,
  VendorRules,
} from '../vendors/contract';
export type { DatasetDescription } from '../vendors/dataset';
export type { HttpRequest, Parsed } from '../vendors/http';
