// A list in a report: the rows that matter most, and how many were left out.

/** The most rows of a list. The CSV of the receipts has all of them. */
export const MAX_ROWS = 100;

export class Listed<Row> {
  #rows: { readonly row: Row; readonly rank: number }[] = [];
  #count = 0;

  /** Keeps the rows with the highest ranks; among equal ranks, the first ones. */
  add(row: Row, rank: number): void {
    this.#count += 1;
    this.#rows.push({ row, rank });
    if (this.#rows.length >= 2 * MAX_ROWS) this.#keepBest();
  }

  result(): { items: Row[]; leftOut: number } {
    this.#keepBest();
    return { items: this.#rows.map(({ row }) => row), leftOut: this.#count - this.#rows.length };
  }

  #keepBest(): void {
    this.#rows = this.#rows.toSorted((a, b) => b.rank - a.rank).slice(0, MAX_ROWS);
  }
}
