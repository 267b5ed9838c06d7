// Round numbers for the axes of charts.

/** The smallest of 1, 2 and 5 times a power of ten that is not below `most`. */
export function ceiling(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const factor = [1, 2, 5, 10].find((step) => step * power >= most) ?? 10;
  return factor * power;
}
