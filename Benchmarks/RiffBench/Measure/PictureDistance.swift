import Foundation

/// How far an 8-bit picture is from another.
enum PictureDistance {
  /// Peak signal-to-noise ratio in dB; infinite for equal ones.
  static func psnr(_ picture: [UInt8], _ exact: [UInt8]) -> Double {
    let error = zip(picture, exact).reduce(0.0) {
      let difference = Double($1.0) - Double($1.1)
      return $0 + difference * difference
    }
    return 10 * log10(255 * 255 * Double(exact.count) / error)
  }
}
