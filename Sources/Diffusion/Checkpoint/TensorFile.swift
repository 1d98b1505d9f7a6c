/// A file of named tensors, checked when it is opened; nothing of their data has been read then.
package protocol TensorFile: Sendable {
  /// No two have the same name.
  var tensors: [StoredTensor] { get }
}

extension TensorFile {
  package var names: [String] { tensors.map(\.name) }

  /// A float tensor's elements as f32 and its shape; nil where there is none of that name, or it
  /// can no longer be read.
  package func floats(_ name: String) -> (values: [Float], shape: [Int])? {
    guard let tensor = tensors.first(where: { $0.name == name }), tensor.elementType.isWeight
    else { return nil }
    let values = [Float](unsafeUninitializedCapacity: tensor.count) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      count = (try? tensor.widen(elements: 0..<tensor.count, to: base)) == nil ? 0 : tensor.count
    }
    return values.count == tensor.count ? (values, tensor.shape) : nil
  }
}
