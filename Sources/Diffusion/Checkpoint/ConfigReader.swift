/// Typed, bounded reading of one configuration file; every error names the file and the key.
struct ConfigReader {
  let file: String
  private let object: JSONObject

  /// Reads a JSON file of at most `limit` bytes whose top is an object.
  init(path: String, limit: Int = 1 << 20) throws(DiffusionError) {
    let bytes = try CheckpointFile(path: path).contents(limit: limit)
    let value: JSONValue
    do {
      value = try JSONParser.parse(bytes)
    } catch {
      throw .checkpoint(path, error.message)
    }
    guard case .object(let object) = value else {
      throw .checkpoint(path, "expected an object, found \(value.kindName)")
    }
    self.init(file: path, object: object)
  }

  init(file: String, object: JSONObject) {
    self.file = file
    self.object = object
  }

  func has(_ key: String) -> Bool { present(key) != nil }

  /// The value of a key, unless it is absent or null.
  func present(_ key: String) -> JSONValue? {
    guard let value = object[key] else { return nil }
    if case .null = value { return nil }
    return value
  }

  var members: [(name: String, value: JSONValue)] { object.members }

  /// A sentence that names the keys besides `known`, or nil where there are none.
  ///
  /// diffusers ignores what a class does not take, with a warning; keys that begin with an
  /// underscore are its own notes (`ConfigMixin.extract_init_dict`).
  func warning(besides known: Set<String>, of className: String) -> String? {
    let surplus = object.members.map(\.name).filter { !$0.hasPrefix("_") && !known.contains($0) }
    guard !surplus.isEmpty else { return nil }
    let shown = surplus.prefix(8).map { $0.printable(64) }
    let more = surplus.count > shown.count ? " and \(surplus.count - shown.count) more" : ""
    return "\(file): \(className) does not take \(shown.joined(separator: ", "))\(more); ignored"
  }

  func failure(_ key: String, _ message: String) -> DiffusionError {
    .checkpoint(file, "\(key) \(message)")
  }

  private func mismatch(_ key: String, _ value: JSONValue, _ expected: String) -> DiffusionError {
    .checkpoint(file, "\(key): expected \(expected), found \(value.kindName)")
  }

  func bool(_ key: String, default fallback: Bool) throws(DiffusionError) -> Bool {
    switch present(key) {
    case nil: return fallback
    case .bool(let value): return value
    case .some(let other): throw mismatch(key, other, "a boolean")
    }
  }

  func integer(
    _ key: String, default fallback: Int? = nil, in range: ClosedRange<Int>
  ) throws(DiffusionError) -> Int {
    switch present(key) {
    case nil:
      guard let fallback else { throw failure(key, "is missing") }
      return fallback
    case .integer(let value):
      guard range.contains(value) else {
        throw failure(key, "must be \(range.lowerBound) to \(range.upperBound), not \(value)")
      }
      return value
    case .some(let other): throw mismatch(key, other, "an integer")
    }
  }

  func double(_ key: String, default fallback: Double? = nil) throws(DiffusionError) -> Double {
    switch present(key) {
    case nil:
      guard let fallback else { throw failure(key, "is missing") }
      return fallback
    case .integer(let value): return Double(value)
    case .number(let value):
      guard value.isFinite else { throw failure(key, "must be a finite number, not \(value)") }
      return value
    case .some(let other): throw mismatch(key, other, "a number")
    }
  }

  /// A number that is greater than 0, not too great for an f32, and so finite.
  func positive(_ key: String, default fallback: Double) throws(DiffusionError) -> Float {
    let value = try double(key, default: fallback)
    guard value > 0, Float(value).isNormal else {
      throw failure(key, "must be a number above 0, not \(value)")
    }
    return Float(value)
  }

  func string(_ key: String, default fallback: String? = nil) throws(DiffusionError) -> String {
    switch present(key) {
    case nil:
      guard let fallback else { throw failure(key, "is missing") }
      return fallback
    case .string(let value): return value
    case .some(let other): throw mismatch(key, other, "a string")
    }
  }

  func strings(_ key: String, default fallback: [String]? = nil) throws(DiffusionError) -> [String]
  {
    switch present(key) {
    case nil:
      guard let fallback else { throw failure(key, "is missing") }
      return fallback
    case .array(let values):
      var result: [String] = []
      for value in values {
        guard case .string(let text) = value else {
          throw failure(key, "must hold strings, not \(value.kindName)")
        }
        result.append(text)
      }
      return result
    case .some(let other): throw mismatch(key, other, "a list of strings")
    }
  }

  func integers(
    _ key: String, default fallback: [Int]? = nil, in range: ClosedRange<Int>
  ) throws(DiffusionError) -> [Int] {
    guard let value = present(key) else {
      guard let fallback else { throw failure(key, "is missing") }
      return fallback
    }
    guard case .array(let values) = value else { throw mismatch(key, value, "a list of integers") }
    var result: [Int] = []
    for value in values {
      guard case .integer(let number) = value, range.contains(number) else {
        throw failure(
          key, "must hold integers from \(range.lowerBound) to \(range.upperBound)")
      }
      result.append(number)
    }
    return result
  }

  /// A number that stands for `count` equal ones, or a list of `count` numbers.
  func perBlock(
    _ key: String, count: Int, default fallback: Int, in range: ClosedRange<Int>
  ) throws(DiffusionError) -> [Int] {
    if case .array = present(key) {
      let values = try integers(key, in: range)
      guard values.count == count else {
        throw failure(key, "has \(values.count) entries; there are \(count) blocks")
      }
      return values
    }
    return Array(repeating: try integer(key, default: fallback, in: range), count: count)
  }

  /// A boolean that stands for `count` equal ones, or a list of `count` booleans.
  func perBlock(
    _ key: String, count: Int, default fallback: Bool
  ) throws(DiffusionError) -> [Bool] {
    guard case .array(let values) = present(key) else {
      return Array(repeating: try bool(key, default: fallback), count: count)
    }
    guard values.count == count else {
      throw failure(key, "has \(values.count) entries; there are \(count) blocks")
    }
    var result: [Bool] = []
    for value in values {
      guard case .bool(let flag) = value else { throw failure(key, "must hold booleans") }
      result.append(flag)
    }
    return result
  }

  func object(_ key: String) throws(DiffusionError) -> ConfigReader? {
    switch present(key) {
    case nil: return nil
    case .object(let value): return ConfigReader(file: file, object: value)
    case .some(let other): throw mismatch(key, other, "an object")
    }
  }

  /// Refuses null for keys where Python's None would not mean the default.
  func refuseNull(_ keys: String...) throws(DiffusionError) {
    for key in keys {
      if case .null? = object[key] { throw failure(key, "is null, which is not supported") }
    }
  }

  /// Refuses a key whose value is anything but one of those given here (or absent).
  func require(_ key: String, is supported: JSONScalar...) throws(DiffusionError) {
    guard let value = present(key) else { return }
    if supported.contains(where: { $0.equals(value) }) { return }
    let list = supported.map(\.description).joined(separator: " or ")
    throw failure(key, "has an unsupported value; supported: \(list)")
  }
}
