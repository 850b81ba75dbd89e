/** The smallest value that at least this share of all values does not exceed; NaN where there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Growth per unit of x of the straight line that fits the points best. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([each]) => each), mean(([, each]) => each)];
  const across = points.reduce((sum, [each]) => sum + (each - x) ** 2, 0);
  return across === 0 ? 0 : points.reduce((sum, [ex, ey]) => sum + (ex - x) * (ey - y), 0) / across;
}
