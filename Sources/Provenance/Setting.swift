/// One thing that a file says of how it was made: `seed` is `7`.
public struct Setting: Sendable, Hashable {
  /// As requests in `riff.proto` name it: `guidance_scale`.
  public var name: String
  /// As text: numbers in the shortest form that reads back as the same, booleans `true` and `false`.
  public var value: String

  /// Checks nothing; what files bring is checked by ``Recipe/init(tags:)``.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// Whether a file may bring it: 1 to 64 characters of `a-z0-9_.`, and a value of at most 64 KiB.
  var isWellFormed: Bool {
    (1...64).contains(name.utf8.count) && value.utf8.count <= 1 << 16
      && name.utf8.allSatisfy { byte in
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5F || byte == 0x2E
      }
  }
}
