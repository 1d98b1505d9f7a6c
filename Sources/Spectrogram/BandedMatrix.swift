internal import CSpectrogramKernels

/// A matrix whose rows are each non-zero in one short run of columns: mel triangles over
/// Fourier bins, and their transpose.
struct BandedMatrix: Sendable {
  let rows: Int
  let columns: Int
  /// First column of each row's band.
  private(set) var start: [Int32] = []
  /// Where each row's band begins in `weights`; rows + 1 values.
  private(set) var offset: [Int32] = [0]
  private(set) var weights: [Float] = []

  /// Builds a matrix from its rows, each given as its first column and its values.
  ///
  /// - Precondition: every band lies within `columns`.
  init(columns: Int, bands: [(start: Int, values: [Float])]) {
    rows = bands.count
    self.columns = columns
    for band in bands {
      precondition(band.start >= 0 && band.start + band.values.count <= columns)
      start.append(Int32(band.start))
      weights.append(contentsOf: band.values)
      offset.append(Int32(weights.count))
    }
  }

  /// The band of one row.
  func band(_ row: Int) -> (start: Int, values: ArraySlice<Float>) {
    (Int(start[row]), weights[Int(offset[row])..<Int(offset[row + 1])])
  }

  /// The transpose, each of its rows divided by its sum; rows that are zero stay so.
  func normalisedTranspose() -> BandedMatrix {
    var first = [Int](repeating: rows, count: columns)
    var last = [Int](repeating: -1, count: columns)
    for row in 0..<rows {
      let (start, values) = band(row)
      for (place, value) in values.enumerated() where value != 0 {
        first[start + place] = min(first[start + place], row)
        last[start + place] = row
      }
    }
    let bands = (0..<columns).map { column -> (start: Int, values: [Float]) in
      guard last[column] >= 0 else { return (0, []) }
      let values = (first[column]...last[column]).map { row -> Float in
        let (start, values) = band(row)
        let place = column - start
        return values.indices.contains(values.startIndex + place) && place >= 0
          ? values[values.startIndex + place] : 0
      }
      let sum = values.reduce(0, +)
      return (first[column], values.map { $0 / sum })
    }
    return BandedMatrix(columns: rows, bands: bands)
  }

  /// One vector: `output[row * stride]` = row · `input`, which has `columns` values.
  func multiply(
    _ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    spectrogram_band_product(rows, start, offset, weights, input, output, stride)
  }

  /// A tile of vectors: (column, tile) to (row, tile).
  func multiplyTile(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>) {
    spectrogram_band_product_tile(rows, start, offset, weights, input, output)
  }
}
