/** Is this document the requested one? Its `reportSpecification` repeats the request. */
import type { Span } from '../../../quota/windows/chunks';
import { type DatasetDescription, DocumentError } from '../../dataset';
import { isRecord, parseInstant, shown } from './value';

interface Expected {
  readonly dataset: DatasetDescription;
  readonly span: Span;
  readonly partition: Readonly<Record<string, string>>;
}

/** @throws DocumentError that names the field, what it says and what was requested. */
export function checkSpecification(value: unknown, expected: Expected, position: number): void {
  const mismatch = (field: string, found: unknown, wanted: string): never => {
    throw new DocumentError(
      'mismatch',
      position,
      `reportSpecification.${field} is ${shown(found)}, but ${wanted} was requested`,
    );
  };
  if (!isRecord(value)) {
    throw new DocumentError(
      'schema',
      position,
      `reportSpecification is ${shown(value)}; it must be an object`,
    );
  }
  const { dataset, span, partition } = expected;
  if (value.reportType !== dataset.reportType) mismatch('reportType', value.reportType, dataset.reportType);
  for (const [field, wanted] of [
    ['dataStartTime', span.from],
    ['dataEndTime', span.to],
  ] as const) {
    const found = value[field];
    if (typeof found !== 'string' || parseInstant(found) !== wanted) {
      mismatch(field, found, new Date(wanted).toISOString());
    }
  }
  const marketplace = partition.marketplaceId;
  if (marketplace !== undefined && !isOnly(value.marketplaceIds, marketplace)) {
    mismatch('marketplaceIds', value.marketplaceIds, `["${marketplace}"]`);
  }
  const options = isRecord(value.reportOptions) ? value.reportOptions : {};
  for (const option of dataset.options) {
    const wanted = partition[option];
    if (wanted !== undefined && options[option] !== wanted) {
      mismatch(`reportOptions.${option}`, options[option], wanted);
    }
  }
}

function isOnly(list: unknown, wanted: string): boolean {
  return Array.isArray(list) && list.length > 0 && list.every((item) => item === wanted);
}
