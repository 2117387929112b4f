import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Collections;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * Opens keystores. Each line of the list has a type, a file and a password, which is "null" for none and "empty" for
 * an empty one; each line of the answer has the names of the entries and how many issuers are trusted, or the word
 * "closed" where Java does not open the keystore.
 */
class Opens {
    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            String[] words = line.split(" ");
            System.out.println(answer(words[0], words[1], words[2]));
        }
    }

    private static String answer(String type, String file, String word) throws Exception {
        char[] password = word.equals("null") ? null : word.equals("empty") ? new char[0] : word.toCharArray();
        KeyStore store = KeyStore.getInstance(type);
        try (FileInputStream stream = new FileInputStream(file)) {
            store.load(stream, password);
        } catch (java.io.IOException closed) {
            return "closed";
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        int trusted = ((X509TrustManager) managers.getTrustManagers()[0]).getAcceptedIssuers().length;
        return String.join(",", Collections.list(store.aliases())) + " " + trusted;
    }
}
