#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Tensor {
  /// Moves a map on the sphere towards another one, in place (Shoemake 1985), `share` from 0 to 1;
  /// along a straight line where they point nearly the same way, or opposite ones, as riffusion does.
  func slerp(to other: Tensor, share: Double) {
    var (dot, own, others) = (0.0, 0.0, 0.0)
    for index in 0..<count {
      let (a, b) = (Double(data[index]), Double(other.data[index]))
      dot += a * b
      own += a * a
      others += b * b
    }
    let cosine = own > 0 && others > 0 ? dot / (own * others).squareRoot() : 1
    var (first, second) = (1 - share, share)
    if abs(cosine) <= 0.9995 {
      let angle = acos(cosine)
      first = sin(angle * (1 - share)) / sin(angle)
      second = sin(angle * share) / sin(angle)
    }
    for index in 0..<count {
      data[index] = Float(first) * data[index] + Float(second) * other.data[index]
    }
  }
}
