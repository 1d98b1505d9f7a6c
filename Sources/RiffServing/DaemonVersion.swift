/// The version that `--version`, `Status` and the files we make tell.
public enum DaemonVersion {
  /// Semantic versioning, without a leading "v".
  public static let current = "0.1.0"
}
