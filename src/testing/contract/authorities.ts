/**
 * Two certificates of authorities, as texts: something real to lay into a trust bundle where nothing may be drawn from
 * a seed. Their keys are nowhere any more, and both are valid until 2126.
 */
const pem = (base64: string): string => {
  const lines = base64.match(/.{1,64}/g) ?? []
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n")
}

/** The certificates, in PEM as certlet writes it. */
export const authorities: readonly [string, string] = [
  pem(
    "MIIBczCCARmgAwIBAgIUK6JK2jOVR7Mi3NDxkXPRyxl5AZkwCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyODE2" +
      "NTUwMloYDzIxMjYxMTA0MTY1NTAyWjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQHGg0ZqXsdUaxc" +
      "eT2yUvZ8xlZ4Vx3Xc0w2bwU1xaYohu0AoRHhctVkPM+GmGbZuCboU12wiIb/LbkIqz6XjJUTo1MwUTAdBgNVHQ4EFgQUSBHnStM7" +
      "euuZ46fUI0DmyL8t+9MwHwYDVR0jBBgwFoAUSBHnStM7euuZ46fUI0DmyL8t+9MwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD" +
      "AgNIADBFAiEA7eCXQHpfzt5F6OWy6O6DPsPYykekQXq/bkUUcdwg3VECIAMU39eJvuFaGkgA6U+f4DAUzU2Vkrk7nGVSjrV4d8/k"
  ),
  pem(
    "MIIBczCCARmgAwIBAgIUD/aZekN0zC3dVjJcUwkf8bDxFPkwCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEyODE2" +
      "NTUwMloYDzIxMjYxMTA0MTY1NTAyWjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQwz7DkxJWfHVkv" +
      "rcjlUpGgp+fVH9BqKiOK3f3MlBASxmLEbb4OAGTZAiP0xihlHL00g7d3I2dubpBG4hhM6GnCo1MwUTAdBgNVHQ4EFgQUfX6Kj1rr" +
      "DOb2Hk870MvifcBzdDIwHwYDVR0jBBgwFoAUfX6Kj1rrDOb2Hk870MvifcBzdDIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD" +
      "AgNIADBFAiEA9kv2A+Rg+83XiFUf++QwTNf7aAw/PeLklcgC25kXWCUCIFwoAOug3NLkc65WA9E3qWTPOM/wdYrVriIakFQRmCJ7"
  )
]
