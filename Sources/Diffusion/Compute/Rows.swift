/// Rows of f32 at a fixed distance from each other, in somebody else's memory.
///
/// It may cross to the pool's threads for the reason that a ``Tensor`` may: they write disjoint rows and
/// are done before the call that started them returns.
struct Rows: @unchecked Sendable {
  let data: UnsafeMutablePointer<Float>
  let stride: Int

  init(data: UnsafeMutablePointer<Float>, stride: Int) {
    self.data = data
    self.stride = stride
  }

  init(_ tensor: Tensor) {
    self.init(data: tensor.data, stride: tensor.channels)
  }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> { data + index * stride }
}
