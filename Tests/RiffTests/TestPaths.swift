/// Places in the checkout.
enum TestPaths {
  /// The model in the box.
  static let bundledModel = checkout + "/Models/riff-mini"
  /// A tiny one whose U-Net takes three numbers besides words.
  static let numberedModel = checkout + "/Tests/DiffusionTests/Fixtures/text-time"

  private static let checkout: String = {
    // Tests/RiffTests/TestPaths.swift
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
      .joined(separator: "/")
  }()
}
