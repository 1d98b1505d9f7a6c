/// How a sound or a picture was made: all that makes it again, in the order in which it is shown.
///
/// The same list goes out as `Started.settings` and stands in every file, in the form that the file's
/// format has for it.
public struct Recipe: Sendable, Equatable {
  /// In the order in which they were set.
  public private(set) var settings: [Setting]

  /// What stands before a setting's upper-case name in a file.
  static let prefix = "RIFF_"
  /// Most settings that are read from a file.
  static let limit = 256

  /// Takes the settings as they are; of two of one name the first is read.
  public init(_ settings: [Setting] = []) {
    self.settings = settings
  }

  /// A setting's value; nil where there is none. Setting nil takes it out.
  public subscript(name: String) -> String? {
    get { settings.first { $0.name == name }?.value }
    set {
      let index = settings.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): settings[index].value = value
      case (let index?, nil): settings.remove(at: index)
      case (nil, let value?): settings.append(Setting(name, value))
      case (nil, nil): break
      }
    }
  }

  /// Tells recipes apart; equal ones have equal fingerprints.
  public var fingerprint: Fingerprint {
    Fingerprint(of: Array(tags.map { "\($0.key)=\($0.value)\0" }.joined().utf8))
  }

  /// As files have it: the prompt as TITLE and the program as ENCODER, for players to show, then
  /// `RIFF_` and each setting's upper-case name.
  public var tags: [(key: String, value: String)] {
    [("TITLE", title), ("ENCODER", software)].compactMap { key, value in value.map { (key, $0) } }
      + settings.map { (Self.prefix + $0.name.uppercased(), $0.value) }
  }

  /// The tags as texts of a PNG, whose own keywords for title and program differ.
  public var pictureTexts: [(keyword: String, text: String)] {
    tags.map { key, value in
      switch key {
      case "TITLE": ("Title", value)
      case "ENCODER": ("Software", value)
      default: (key, value)
      }
    }
  }

  /// What a player shows as the title: the prompt, or that of what it was made from.
  public var title: String? { self["prompt"] ?? self["source.prompt"] }

  /// What made it, "riffd 1.0".
  public var software: String? { self["version"] }

  /// The recipe that tags hold; nil where none of them is a setting. Tags of others are skipped.
  ///
  /// - Parameter tags: as they stand in a file, keys in any case.
  public init?(tags: [(key: String, value: String)]) {
    var settings: [Setting] = []
    for (key, value) in tags where key.uppercased().hasPrefix(Self.prefix) {
      let setting = Setting(key.dropFirst(Self.prefix.count).lowercased(), value)
      guard setting.isWellFormed, settings.count < Self.limit,
        !settings.contains(where: { $0.name == setting.name })
      else { continue }
      settings.append(setting)
    }
    guard !settings.isEmpty else { return nil }
    self.init(settings)
  }
}
