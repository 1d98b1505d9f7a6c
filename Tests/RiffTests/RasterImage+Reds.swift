import Spectrogram

extension RasterImage {
  /// Of each column, from the top.
  var reds: [[UInt8]] {
    (0..<self.width).map { column in
      (0..<self.height).map { self.pixels[3 * ($0 * self.width + column)] }
    }
  }
}
