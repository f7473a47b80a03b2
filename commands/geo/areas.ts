/**
 * Circles and boxes on the earth, and the grid cells that cover them: the cell of the center and
 * its eight neighbours. The cell size is chosen so that these nine are enough.
 */
import {
  type Area,
  areaOf,
  type Cell,
  cellOf,
  degreesOf,
  distanceOf,
  latitudeDistance,
  longitudeDegreesOf,
  type Position,
  STEPS,
} from './geohash.ts'

/** In meters. */
export type Size =
  | { readonly kind: 'circle'; readonly radius: number }
  | { readonly kind: 'box'; readonly width: number; readonly height: number }

export type AreaShape = Size & { readonly center: Position }

/** The distance in meters from the shape's center to a position; -1 outside the shape. */
export function distanceWithin(shape: AreaShape, position: Position): number {
  const { center } = shape
  if (shape.kind === 'circle') {
    const distance = distanceOf(center, position)
    return distance > shape.radius ? -1 : distance
  }
  if (latitudeDistance(position, center) > shape.height / 2) return -1
  const sameLatitude = { longitude: center.longitude, latitude: position.latitude }
  if (distanceOf(position, sameLatitude) > shape.width / 2) return -1
  return distanceOf(center, position)
}

/** Half the width of the web maps' plane, in meters. */
const PLANE_METERS = 20037726.37

/** The finest step at which nine cells cover a circle of this radius in meters. */
function stepFor(radius: number, latitude: number): number {
  if (radius === 0) return STEPS
  let step = 1
  for (let meters = radius; meters < PLANE_METERS; meters *= 2) step++
  step -= 2
  // Cells get narrower towards the poles.
  if (Math.abs(latitude) > 66) step--
  if (Math.abs(latitude) > 80) step--
  return Math.min(Math.max(step, 1), STEPS)
}

/** The bounding box of a shape. */
function boundsOf(shape: AreaShape): Area {
  const { longitude, latitude } = shape.center
  const width = shape.kind === 'circle' ? shape.radius : shape.width / 2
  const height = degreesOf(shape.kind === 'circle' ? shape.radius : shape.height / 2)
  const wide = longitudeDegreesOf(width, latitude < 0 ? latitude - height : latitude + height)
  return {
    minLongitude: longitude - wide,
    maxLongitude: longitude + wide,
    minLatitude: latitude - height,
    maxLatitude: latitude + height,
  }
}

function radiusOf(shape: AreaShape): number {
  return shape.kind === 'circle' ? shape.radius : Math.sqrt((shape.width / 2) ** 2 + (shape.height / 2) ** 2)
}

/** The cell this many cells to the east and north, wrapping at the edges of the grid. */
function neighbour(cell: Cell, east: number, north: number): Cell {
  const mask = (1 << cell.step) - 1
  return {
    step: cell.step,
    longitude: east === 0 ? cell.longitude : (cell.longitude + east) & mask,
    latitude: north === 0 ? cell.latitude : (cell.latitude + north) & mask,
  }
}

/** True if the shape extends beyond the cell's neighbours. */
function isTooSmall(cell: Cell, bounds: Area): boolean {
  return (
    areaOf(neighbour(cell, 0, 1)).maxLatitude < bounds.maxLatitude ||
    areaOf(neighbour(cell, 0, -1)).minLatitude > bounds.minLatitude ||
    areaOf(neighbour(cell, 1, 0)).maxLongitude < bounds.maxLongitude ||
    areaOf(neighbour(cell, -1, 0)).minLongitude > bounds.minLongitude
  )
}

/**
 * Steps to the east and north, in the order in which Redis searches the cells. Results without an
 * order keep this order.
 */
const NEIGHBOURS: readonly (readonly [east: number, north: number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
]

/** Returns the cells that contain all positions of a shape. */
export function cellsCovering(shape: AreaShape): readonly Cell[] {
  const bounds = boundsOf(shape)
  const step = stepFor(radiusOf(shape), shape.center.latitude)
  let center = cellOf(shape.center, step)
  if (step > 1 && isTooSmall(center, bounds)) center = cellOf(shape.center, step - 1)
  const area = areaOf(center)
  const cells: Cell[] = []
  for (const [east, north] of NEIGHBOURS) {
    if (center.step >= 2 && isUseless(east, north, area, bounds)) continue
    const cell = neighbour(center, east, north)
    // If a few cells span the earth, the neighbours on both sides are one cell.
    const last = cells.length > 1 ? cells.at(-1) : undefined
    if (last === undefined || last.longitude !== cell.longitude || last.latitude !== cell.latitude) cells.push(cell)
  }
  return cells
}

/** True if the shape ends before the neighbour on this side begins. */
function isUseless(east: number, north: number, area: Area, bounds: Area): boolean {
  return (
    (north < 0 && area.minLatitude < bounds.minLatitude) ||
    (north > 0 && area.maxLatitude > bounds.maxLatitude) ||
    (east < 0 && area.minLongitude < bounds.minLongitude) ||
    (east > 0 && area.maxLongitude > bounds.maxLongitude)
  )
}
