/// A pointer to weights that threads only read.
struct ConstantFloats: @unchecked Sendable {
  let data: UnsafePointer<Float>

  init(_ data: UnsafePointer<Float>) { self.data = data }
}
