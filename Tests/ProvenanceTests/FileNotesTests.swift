import Provenance
import Testing

/// What files say is read from files of any make, and hostile ones end nothing.
@Suite struct FileNotesTests {
  private static func little(_ number: Int, _ count: Int = 4) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func big(_ number: Int, _ count: Int = 4) -> [UInt8] {
    little(number, count).reversed()
  }

  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    Array(name.utf8) + little(content.count) + content + (content.count % 2 == 1 ? [0] : [])
  }

  private static func synchsafe(_ number: Int) -> [UInt8] {
    [21, 14, 7, 0].map { UInt8(number >> $0 & 0x7F) }
  }

  private static let comments: [UInt8] = {
    let texts = ["title=harp", "RIFF_SEED=7", "riff_prompt=härp", "nonsense", "RIFF_=x"]
    return little(4) + Array("test".utf8) + little(texts.count)
      + texts.flatMap { little($0.utf8.count) + Array($0.utf8) }
  }()

  private static let wav: [UInt8] = {
    let list =
      Array("INFO".utf8) + chunk("INAM", Array("harp\0".utf8))
      + chunk("ICMT", Array("RIFF_SEED=7\nRIFF_PROMPT=h\u{E4}rp\nother\0".utf8))
    let body = Array("WAVE".utf8) + chunk("fmt ", [1, 2, 3]) + chunk("LIST", list)
    return Array("RIFF".utf8) + little(body.count) + body + Array("data".utf8) + little(-1)
  }()

  private static let flac: [UInt8] =
    Array("fLaC".utf8) + [0] + big(2, 3) + [9, 9] + [0x84] + big(comments.count, 3) + comments

  private static let ogg: [UInt8] = {
    func page(_ packets: [[UInt8]]) -> [UInt8] {
      let lengths = packets.flatMap { packet in
        [UInt8](repeating: 255, count: packet.count / 255) + [UInt8(packet.count % 255)]
      }
      return Array("OggS".utf8) + [UInt8](repeating: 0, count: 22) + [UInt8(lengths.count)]
        + lengths + packets.joined()
    }
    let long = Array("RIFF_NEGATIVE_PROMPT=".utf8) + [UInt8](repeating: 97, count: 600)
    var tags = Array("OpusTags".utf8) + little(0) + little(3)
    for text in [Array("RIFF_SEED=7".utf8), Array("RIFF_PROMPT=härp".utf8), long] {
      tags += little(text.count) + text
    }
    return page([Array("OpusHead".utf8)]) + page([tags])
  }()

  private static let png: [UInt8] = {
    func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
      big(content.count) + Array(name.utf8) + content + [0, 0, 0, 0]
    }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", [UInt8](repeating: 0, count: 13))
      + chunk("tEXt", Array("RIFF_SEED\0".utf8) + Array("7".utf8))
      + chunk("iTXt", Array("RIFF_PROMPT\0\0\0\0\0härp".utf8)) + chunk("eXIf", [1, 2, 3])
      + chunk("tEXt", Array("Latin\0h".utf8) + [0xE4])
      + chunk("IEND", [])
  }()

  /// Text in UTF-8 (2.4), Latin-1 and UTF-16 (2.3).
  private static func id3(version: UInt8) -> [UInt8] {
    let name = Array("RIFF_PROMPT".utf8)
    let prompt: [UInt8] =
      version == 4
      ? [3] + name + [0] + Array("härp".utf8)
      : [1, 0xFF, 0xFE] + name.flatMap { [$0, 0] } + [0, 0, 0xFE, 0xFF] + [
        0, 0x68, 0, 0xE4, 0, 0x72, 0, 0x70,
      ]
    var frames: [UInt8] = []
    for content in [[0] + Array("RIFF_SEED\u{0}7".utf8), prompt] {
      let size = version == 4 ? synchsafe(content.count) : big(content.count)
      frames += Array("TXXX".utf8) + size + [0, 0] + content
    }
    frames += [UInt8](repeating: 0, count: 10)
    return Array("ID3".utf8) + [version, 0, 0] + synchsafe(frames.count) + frames
  }

  private static let files: [(name: String, bytes: [UInt8])] = [
    ("wav", wav), ("flac", flac), ("ogg", ogg), ("png", png), ("id3v2.3", id3(version: 3)),
    ("id3v2.4", id3(version: 4)),
  ]

  @Test(arguments: files.indices)
  func everyFormatIsRead(index: Int) throws {
    let (name, bytes) = Self.files[index]
    let notes = try #require(FileNotes(fileStart: bytes), "\(name)")
    let recipe = try #require(notes.recipe, "\(name): \(notes.tags)")
    #expect(recipe["seed"] == "7", "\(name)")
    #expect(recipe["prompt"] == "härp", "\(name)")
    if name == "ogg" { #expect(recipe["negative_prompt"]?.count == 600) }
    if name == "png" {
      #expect(notes.exif == [1, 2, 3])
      #expect(notes.tags.last?.value == "hä")
    }
  }

  /// Cut anywhere, or damaged anywhere: read as far as it goes.
  @Test(arguments: files.indices)
  func damageIsHarmless(index: Int) {
    let bytes = Self.files[index].bytes
    for count in bytes.indices { _ = FileNotes(fileStart: Array(bytes[..<count]))?.recipe }
    for place in bytes.indices {
      for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
        var damaged = bytes
        damaged[place] = value
        _ = FileNotes(fileStart: damaged)?.recipe
      }
    }
  }

  @Test func othersFilesHaveNoRecipe() {
    #expect(FileNotes(fileStart: []) == nil)
    #expect(FileNotes(fileStart: Array("hello".utf8)) == nil)
    #expect(FileNotes(fileStart: Array("fLaC".utf8))?.recipe == nil)
  }

  @Test func tagsAreTheSettings() throws {
    var recipe = Recipe()
    recipe["prompt"] = "a\nb"
    recipe["version"] = "riffd 1"
    recipe["opus.bitrate"] = "96000"
    #expect(
      recipe.tags.map(\.key) == [
        "TITLE", "ENCODER", "RIFF_PROMPT", "RIFF_VERSION", "RIFF_OPUS.BITRATE",
      ])
    #expect(Recipe(tags: recipe.tags) == recipe)
    var other = recipe
    other["prompt"] = "a"
    #expect(other.fingerprint != recipe.fingerprint)
    other["prompt"] = nil
    #expect(other.settings.count == 2)
    // Names that are not ours, values without end.
    #expect(Recipe(tags: [("RIFF_A B", "x"), ("RIFF_\u{7}", "x"), ("SEED", "7")]) == nil)
    #expect(Recipe(tags: [("RIFF_X", String(repeating: "x", count: 1 << 17))]) == nil)
    let many = (0..<1_000).map { ("RIFF_X\($0)", "y") }
    #expect(Recipe(tags: many)?.settings.count == 256)
  }

  /// As `xxhsum -H3` gives them.
  @Test func fingerprintsAreXXH3() throws {
    #expect("\(Fingerprint(of: []))" == "2d06800538d394c2")
    #expect("\(Fingerprint(of: Array("riff".utf8)))".count == 16)
    let builder = try #require(Fingerprint.Builder())
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for start in stride(from: 0, to: bytes.count, by: 777) {
      builder.append(Array(bytes[start..<min(start + 777, bytes.count)]))
    }
    #expect(builder.fingerprint() == Fingerprint(of: bytes))
  }
}
