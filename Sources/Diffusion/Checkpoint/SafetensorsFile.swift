/// A safetensors file: u64 little-endian header length, JSON header, data.
///
/// Everything is checked when it is opened, and nothing of the data is read: the header's length
/// against the file's, every tensor's range against the data and its shape, and that ranges neither
/// overlap nor leave gaps (the format's own rule). Headers above 25 MB are refused.
/// https://github.com/huggingface/safetensors#format
package struct SafetensorsFile: TensorFile {
  static let largestHeader = 25_000_000

  package let tensors: [StoredTensor]
  /// `__metadata__`: texts by name.
  let metadata: [String: String]

  package init(path: String) throws(DiffusionError) {
    try self.init(CheckpointFile(path: path))
  }

  init(_ file: CheckpointFile) throws(DiffusionError) {
    let path = file.path
    guard file.size >= 8 else {
      throw .checkpoint(path, "has \(file.size) bytes; a safetensors file has at least 8")
    }
    let length = UInt64(littleEndianBytes: try file.bytes(0..<8))
    guard length <= UInt64(min(file.size - 8, Self.largestHeader)) else {
      throw .checkpoint(
        path,
        "its header claims \(length) bytes, but \(file.size - 8) follow and at most "
          + "\(Self.largestHeader) are allowed: truncated, or not a safetensors file")
    }
    let text = try file.bytes(8..<8 + Int(length))
    let header: JSONValue
    do {
      header = try JSONParser.parse(text)
    } catch {
      throw .checkpoint(path, "header: \(error.message)")
    }
    guard case .object(let object) = header else {
      throw .checkpoint(path, "its header is not an object")
    }
    var metadata: [String: String] = [:]
    if case .object(let texts)? = object["__metadata__"] {
      for case (let name, .string(let text)) in texts.members { metadata[name] = text }
    }
    self.metadata = metadata
    var tensors: [StoredTensor] = []
    let start = 8 + Int(length)
    for (name, value) in object.members where name != "__metadata__" {
      tensors.append(try Self.tensor(name, value, in: file, dataStart: start))
    }
    try Self.checkCoverage(tensors, of: file, from: start)
    self.tensors = tensors
  }

  private static func tensor(
    _ name: String, _ value: JSONValue, in file: CheckpointFile, dataStart: Int
  ) throws(DiffusionError) -> StoredTensor {
    func wrong(_ message: String) -> DiffusionError {
      .checkpoint(file.path, tensor: name, message)
    }
    guard case .object(let object) = value,
      case .string(let typeName)? = object["dtype"],
      case .array(let sizes)? = object["shape"],
      case .array(let offsets)? = object["data_offsets"], offsets.count == 2,
      case .integer(let begin) = offsets[0], case .integer(let end) = offsets[1]
    else {
      throw wrong("its entry lacks dtype, shape or two data_offsets")
    }
    guard let elementType = ElementType(rawValue: typeName) else {
      throw wrong("element type \(typeName) is not known; F32, F16 and BF16 are supported")
    }
    guard sizes.count <= 8 else { throw wrong("has \(sizes.count) dimensions") }
    var shape: [Int] = []
    var byteCount = elementType.byteCount
    for size in sizes {
      guard case .integer(let extent) = size, extent >= 0 else {
        throw wrong("its shape is not a list of sizes")
      }
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw wrong("its shape overflows") }
      byteCount = product
      shape.append(extent)
    }
    let available = file.size - dataStart
    guard begin >= 0, begin <= end, end <= available else {
      throw wrong("data_offsets [\(begin), \(end)] leave the file's \(available) bytes of data")
    }
    guard end - begin == byteCount else {
      throw wrong("shape \(shape) takes \(byteCount) bytes, data_offsets give \(end - begin)")
    }
    return StoredTensor(
      file: file, name: name, elementType: elementType, shape: shape,
      range: dataStart + begin..<dataStart + end)
  }

  private static func checkCoverage(
    _ tensors: [StoredTensor], of file: CheckpointFile, from start: Int
  ) throws(DiffusionError) {
    var reached = start
    let ordered = tensors.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for tensor in ordered {
      guard tensor.range.lowerBound == reached else {
        let what = tensor.range.lowerBound < reached ? "overlaps the data" : "leaves a gap"
        throw .checkpoint(file.path, tensor: tensor.name, "\(what) before it")
      }
      reached = tensor.range.upperBound
    }
    guard reached == file.size else {
      throw .checkpoint(file.path, "\(file.size - reached) bytes follow its last tensor")
    }
  }
}
