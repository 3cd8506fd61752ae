# Runs before every user's own script: what SpamAssassin calls spam goes to the Spam folder, and so
# does what the domain of its author asks to quarantine (DMARC).
# As nothing is kept then, the user's script does not run, so none files spam among good mail.
require ["fileinto", "mailbox"];

if anyof (header :is "X-Spam-Flag" "YES", exists "X-Quarantine-Reason") {
    fileinto :create "Spam";
}
