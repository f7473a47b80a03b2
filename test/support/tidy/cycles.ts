/**
 * Strongly connected components of a graph with more than one node (Tarjan, "Depth-first search and
 * linear graph algorithms", 1972).
 */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const numbers = new Map<string, number>()
  const path: string[] = []
  const found: string[][] = []

  const visit = (node: string): number => {
    const number = numbers.size
    numbers.set(node, number)
    let low = number
    path.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!numbers.has(next)) low = Math.min(low, visit(next))
      else if (path.includes(next)) low = Math.min(low, numbers.get(next) as number)
    }
    if (low === number) {
      const component = path.splice(path.indexOf(node))
      if (component.length > 1) found.push(component.sort())
    }
    return low
  }

  for (const node of graph.keys()) if (!numbers.has(node)) visit(node)
  return found
}
