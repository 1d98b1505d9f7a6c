internal import CSpectrogramKernels

/// A banded matrix with short bands, laid out for products with single vectors: a group of rows at
/// a time, a row a lane, the bands of a group filled up with zeros to the longest.
struct LanedMatrix: Sendable {
  let rows: Int
  private let groups: Int
  /// First column of each row's band, rows filled up to whole groups.
  private let start: [Int32]
  /// Where each group's weights begin, counted in steps of all lanes; groups + 1 values.
  private let offset: [Int32]
  /// (step, lane)
  private let weights: [Float]

  /// Zeros that an input must have behind its last column: bands reach that far when filled up.
  private(set) var slack = 0

  /// Values that an output must have room for: rows, filled up to whole groups.
  var outputCount: Int { groups * Self.lanes }

  private static var lanes: Int { Int(SPECTROGRAM_LANES) }

  init(_ matrix: BandedMatrix) {
    let lanes = Self.lanes
    rows = matrix.rows
    groups = (matrix.rows + lanes - 1) / lanes
    var start = [Int32](repeating: 0, count: groups * lanes)
    var offset: [Int32] = [0]
    var weights: [Float] = []
    var steps = 0
    for group in 0..<groups {
      let rows = (group * lanes)..<min((group + 1) * lanes, matrix.rows)
      let width = rows.map { matrix.band($0).values.count }.max() ?? 0
      var block = [Float](repeating: 0, count: width * lanes)
      for row in rows {
        let band = matrix.band(row)
        start[row] = Int32(band.start)
        for (step, value) in band.values.enumerated() {
          block[step * lanes + row - group * lanes] = value
        }
      }
      weights += block
      steps += width
      offset.append(Int32(steps))
      slack = max(slack, width)
    }
    self.start = start
    self.offset = offset
    self.weights = weights
  }

  /// `output` = matrix · `input`: `columns` values and `slack` zeros in, `outputCount` out.
  func multiply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>) {
    spectrogram_lane_product(groups, start, offset, weights, input, output)
  }
}
